/** The icons, as strokes on a 24-unit grid. Decorative: the accessible name is the caller's. */

const SHAPES = {
  archive: "M4 8v11a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1V8M3 4h18v4H3zM10 12h4",
  back: "M20 12H4m6-6-6 6 6 6",
  check: "m5 12.5 4.5 4.5L19 7.5",
  chevron: "m9 6 6 6-6 6",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 4v5l3.5 2",
  close: "m6 6 12 12M18 6 6 18",
  cloudOff: "m3 3 18 18M9 6.3A6 6 0 0 1 17.6 11 4 4 0 0 1 20 17.5M6.5 10A4.5 4.5 0 0 0 7 19h10",
  computer: "M4 5h16v11H4zM9 20h6m-3-4v4",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  document: "M7 3h7l4 4v14H7zM14 3v4h4M10 12h5m-5 4h5",
  down: "M12 4v16m6-6-6 6-6-6",
  edit: "m4 20 1-4L16 5l3 3L8 19zM14 7l3 3",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 8v5m0-8.5v.01",
  keyboard: "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M18 10h.01M8 14h8",
  menu: "M4 6h16M4 12h16M4 18h16",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  more: "M5 11.2v1.6M5.8 12H4.2M12 11.2v1.6m.8-.8h-1.6M19 11.2v1.6m.8-.8h-1.6",
  pause: "M8 5v14M16 5v14",
  pencil: "M12 20h9M4 20l1-4L16 5l3 3L8 19z",
  play: "m7 4 13 8-13 8z",
  question:
    "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8m0 3v.01",
  refresh: "M20 11a8 8 0 1 0-.7 4.5M20 4v7h-7",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zm5 12 4.5 4.5",
  send: "M12 20V4M5 11l7-7 7 7",
  sidebar: "M4 5h16v14H4zM9.5 5v14",
  signOut: "M14 4H5v16h9M10 12h10m-4-4 4 4-4 4",
  stop: "M7 7h10v10H7z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zm0-6v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  thought:
    "M9 18h6m-5 3h4M12 3a6 6 0 0 0-3.5 10.9c.5.4.5 1 .5 1.6h6c0-.6 0-1.2.5-1.6A6 6 0 0 0 12 3z",
  tool: "M14.5 6a4 4 0 0 1 5-1.5L16.5 7.5l1 2 2 .5 2-2.5a4.5 4.5 0 0 1-6.5 4.5L8 19.5a2 2 0 0 1-3.5-3L12 10a4.5 4.5 0 0 1 2.5-4z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5m4-5v5",
  unarchive: "M4 8v11a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1V8M3 4h18v4H3zM12 17v-6m-2.5 2.5L12 11l2.5 2.5",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20a7.5 7.5 0 0 1 15 0",
  warning: "M12 4 2.5 20h19zm0 6v4m0 3v.01",
} as const;

export type IconName = keyof typeof SHAPES;

/** Those that point in reading direction, mirrored in right-to-left text. */
const DIRECTED: ReadonlySet<IconName> = new Set(["back", "chevron", "signOut"]);

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class={DIRECTED.has(name) ? "icon directed" : "icon"}
      viewBox="0 0 24 24"
      aria-hidden="true"
    >
      <path d={SHAPES[name]} />
    </svg>
  );
}

/** The product's logo, the same as the favicon. */
export function Mark({ size }: { size: number }) {
  return <img class="mark" src="./favicon.svg" alt="" width={size} height={size} />;
}

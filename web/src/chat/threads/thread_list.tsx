/** The list of threads: virtualized, with endless scrolling and arrow keys. */
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { plural } from "../../design/plural.ts";
import { isTouched } from "../../design/touch.ts";
import { useWindow } from "../long_list/use_window.ts";
import { type Rows, rowsOf, threadFrom } from "./rows.ts";
import { ThreadRow } from "./thread_row.tsx";
import type { Threads } from "./threads.ts";
import "./thread_list.css";

/** The heights of rows with their margins; thread_list.css sets them. */
const HEIGHTS_PX = { day: 34, thread: isTouched() ? 46 : 38 };
/** Older threads are read when fewer rows than this are left below. */
const AHEAD_ROWS = 20;

export function ThreadList({ threads }: { threads: Threads }) {
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  /** The row that last had the focus, and the one that an arrow key sends it to. */
  const active = useSignal<string | null>(null);
  const nextFocus = useSignal<string | null>(null);
  const listed = useComputed(() =>
    rowsOf(threads.shown.value, Date.now(), threads.query.value !== ""),
  );
  const { rows, keys, indexOf } = listed.value;
  const openId = threads.model.openThreadId.value;
  const activeIndex = firstKnown(listed.value, [active.value, openId]);
  const { parts, rest, startOf } = useWindow(scroller, {
    keys,
    heightOf: (index) => HEIGHTS_PX[rows[index]?.kind ?? "thread"],
    top: () => scroller?.scrollTop ?? 0,
    pinned: () => keys.slice(activeIndex, activeIndex + 1),
  });
  const scrollTo = (index: number) => scrollInto(scroller, startOf(index), startOf(index + 1));

  const isNearEnd = (parts.at(-1)?.index ?? 0) >= rows.length - AHEAD_ROWS;
  const isSearch = threads.query.value !== "" || threads.showsArchived.value;
  useEffect(() => {
    const waits = isSearch || threads.isReading.value || threads.isStuck.value;
    if (isNearEnd && !waits) threads.readOlder();
  });
  useEffect(() => {
    const index = openId === null ? undefined : indexOf.get(openId);
    if (index !== undefined) scrollTo(index);
    // Only when another thread is opened: the person may have scrolled away since.
  }, [openId, scroller]);

  const query = threads.query.value;
  useEffect(() => {
    // The best hits come first.
    if (scroller !== null && query !== "") scroller.scrollTop = 0;
  }, [query, scroller]);

  function move(event: KeyboardEvent) {
    const next = nextIndex(listed.value, activeIndex, event.key);
    const row = next === null ? undefined : rows[next];
    if (next === null || row === undefined || !(event.target instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    scrollTo(next);
    active.value = row.key;
    nextFocus.value = row.key;
  }

  function item({ index, gap }: (typeof parts)[number]) {
    const row = rows[index];
    if (row === undefined) return null;
    const style = gap > 0 ? { marginTop: `${gap}px` } : undefined;
    if (row.kind === "day") {
      return (
        <li key={row.key} class="day" style={style}>
          {row.label}
        </li>
      );
    }
    return (
      <ThreadRow
        key={row.key}
        line={row.line}
        threads={threads}
        isOpen={row.key === openId}
        isActive={index === activeIndex}
        takesFocus={row.key === nextFocus.value}
        onActive={() => {
          active.value = row.key;
          if (nextFocus.value !== row.key) nextFocus.value = null;
        }}
        style={style}
      />
    );
  }

  return (
    <div class="thread-list" ref={setScroller}>
      <ul style={{ paddingBottom: `${rest}px` }} onKeyDown={move} aria-label="Conversations">
        {parts.map(item)}
      </ul>
      <Ending threads={threads} count={rows.length} />
    </div>
  );
}

/** Scroll by as little as brings these pixels into view. */
function scrollInto(scroller: HTMLElement | null, start: number, end: number) {
  if (scroller === null) return;
  scroller.scrollTop = Math.min(start, Math.max(scroller.scrollTop, end - scroller.clientHeight));
}

function Ending({ threads, count }: { threads: Threads; count: number }) {
  const isSearch = threads.query.value !== "";
  if (threads.isBeginning.value) return <Skeleton />;
  if (threads.isStuck.value) {
    return (
      <div class="hint list-note" role="status">
        <p>Older conversations could not be loaded.</p>
        <button type="button" class="button small" onClick={() => threads.readOlder()}>
          Try again
        </button>
      </div>
    );
  }
  if (isSearch || threads.showsArchived.value) return <Searched threads={threads} count={count} />;
  if (threads.isReading.value) return <p class="hint list-note">Loading older conversations…</p>;
  if (count > 0) return null;
  const areAway = threads.archivedCount.value > 0;
  return (
    <p class="hint list-note">
      {areAway ? "All conversations are archived." : "Your conversations will be listed here."}
    </p>
  );
}

/** What was searched: only the loaded threads, until the person asks for all. */
function Searched({ threads, count }: { threads: Threads; count: number }) {
  const isSearch = threads.query.value !== "";
  const loaded = plural(threads.loadedCount.value, "conversation");
  const searched = isSearch ? "Searched titles and beginnings of" : "Looked at";
  return (
    <div class="hint list-note" role="status">
      {count === 0 && <p>{isSearch ? "No conversations found." : "No archived conversations."}</p>}
      {threads.hasOlder.value ? (
        <>
          <p>
            {searched} the latest {loaded}.
          </p>
          <button
            type="button"
            class="button small"
            disabled={threads.isReading.value}
            onClick={() => threads.readAllOlder()}
          >
            {threads.isReading.value ? "Searching…" : "Search older conversations"}
          </button>
        </>
      ) : (
        isSearch && (
          <p>
            {searched} {loaded}.
          </p>
        )
      )}
    </div>
  );
}

function Skeleton() {
  return (
    <div class="skeleton" role="status" aria-label="Loading conversations…">
      <i />
      <i />
      <i />
      <i />
    </div>
  );
}

/** The index of the row in the tab order: the first known key's, or the first thread's. */
function firstKnown(listed: Rows, keys: readonly (string | null)[]): number {
  for (const key of keys) {
    const index = key === null ? undefined : listed.indexOf.get(key);
    if (index !== undefined) return index;
  }
  return threadFrom(listed, 0, 1) ?? -1;
}

function nextIndex(listed: Rows, from: number, key: string): number | null {
  switch (key) {
    case "ArrowDown":
      return threadFrom(listed, from + 1, 1);
    case "ArrowUp":
      return threadFrom(listed, from - 1, -1);
    case "Home":
      return threadFrom(listed, 0, 1);
    case "End":
      return threadFrom(listed, listed.rows.length - 1, -1);
    default:
      return null;
  }
}

/** How long something took, in words. Pure. */

const small = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** What was measured, in the unit of its size: `0.4 ms`, `320 ms`, `4.2 s`, `1 min 12 s`. */
export function durationOfMs(ms: number): string {
  if (ms < 9.95) return `${small.format(ms)} ms`;
  if (ms < 950) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${small.format(ms / 1_000)} s`;
  return durationOfS(ms / 1_000);
}

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** In whole seconds, for what is long or goes on; at most two units: `45 s`, `3 min 5 s`, `1 h`. */
export function durationOfS(seconds: number): string {
  let left = Math.max(0, Math.round(seconds));
  const first = UNITS.findIndex(([, size]) => left >= size);
  if (first === -1) return "0 s";
  const words: string[] = [];
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const many = Math.floor(left / size);
    left -= many * size;
    if (many > 0) words.push(`${many} ${unit}`);
  }
  return words.join(" ");
}

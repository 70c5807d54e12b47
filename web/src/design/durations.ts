/** Formats durations. Pure. */

/** A measured duration: `0.4 ms`, `320 ms`, `4.2 s`, `1 min 12 s`. */
export function durationOfMs(ms: number): string {
  if (ms < 9.95) return `${short(ms)} ms`;
  if (ms < 950) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${short(ms / 1_000)} s`;
  return durationOfS(ms / 1_000);
}

const short = (value: number) => Number(value.toFixed(1));

type Unit = readonly [name: string, seconds: number];

const UNITS: readonly Unit[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** A long or running duration, in at most two units: `45 s`, `3 min 5 s`, `1 h`. */
export function durationOfS(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const first = UNITS.findIndex(([, size]) => whole >= size);
  if (first === -1) return "0 s";
  const [[unit, size], below] = UNITS.slice(first) as [Unit, Unit?];
  const words = `${Math.floor(whole / size)} ${unit}`;
  const rest = below === undefined ? 0 : Math.floor((whole % size) / below[1]);
  return rest > 0 ? `${words} ${rest} ${below?.[0]}` : words;
}

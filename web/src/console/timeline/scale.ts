/** Maps a span of time to percent, with marks at round times. Pure. */
import type { Extent } from "./replay.ts";

const STEPS_S = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200,
  21_600, 43_200, 86_400,
];
const MARKS_MAX = 8;
const TICKS_PER_PERCENT = 5;

/** The position of a moment, in percent. */
export function placeOf(at: number, { from, to }: Extent): number {
  return to <= from ? 0 : Math.min(100, Math.max(0, (100 * (at - from)) / (to - from)));
}

/** The marks of the scale, in seconds after the beginning. */
export function marksOf({ from, to }: Extent): number[] {
  const length = to - from;
  const step = STEPS_S.find((one) => length / one <= MARKS_MAX) ?? length / MARKS_MAX;
  const marks = Math.floor(length / step + 1e-9);
  return Array.from({ length: marks + 1 }, (_, index) => index * step);
}

/** The positions of moments, in percent; moments too close to distinguish are merged. */
export function ticksOf(moments: readonly number[], extent: Extent): number[] {
  const places = moments.map((at) => Math.round(placeOf(at, extent) * TICKS_PER_PERCENT));
  return [...new Set(places)].map((place) => place / TICKS_PER_PERCENT);
}

/** The label of a mark, as short as is exact. */
export function marked(seconds: number): string {
  if (seconds >= 60) return offset(seconds).slice(1);
  return `${Number(seconds.toFixed(2))} s`;
}

/** A time after the beginning: `+3.2 s`. */
export function offset(seconds: number): string {
  if (seconds < 60) return `+${seconds.toFixed(seconds < 1 && seconds > 0 ? 2 : 1)} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = Math.floor(seconds % 60);
  if (minutes < 60) return `+${minutes}:${String(rest).padStart(2, "0")} min`;
  return `+${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")} h`;
}

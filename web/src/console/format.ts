/** How figures, spans of time and moments read in the console. Pure; knows no view and no answer. */
import { durationOfMs } from "../design/durations.ts";

export { durationOfS as span } from "../design/durations.ts";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const small = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const NOTHING = "–";

/** A number of things, or of things a second; a dash for what is not known. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  return (Math.abs(value) < 10 ? small : whole).format(value);
}

const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A measured value whose unit stands elsewhere. */
export function figure(value: number | null): string {
  return value === null ? NOTHING : precise.format(value);
}

/** A time that something took; the unit follows the size. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  return durationOfMs(seconds * 1_000);
}

/** A size of data, in units of 1,024. */
export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let [size, unit] = [value / 1_024, 0];
  while (size >= 1_024 && unit < units.length - 1) [size, unit] = [size / 1_024, unit + 1];
  return `${small.format(size)} ${units[unit]}`;
}

/** The time of day of a moment in seconds since the epoch, with the day when it is not `today`. */
export function moment(at: number, today: number): string {
  const [when, now] = [new Date(at * 1_000), new Date(today * 1_000)];
  const time = when.toLocaleTimeString("en-GB");
  if (when.toDateString() === now.toDateString()) return time;
  return `${when.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/** A moment that is known to some seconds. */
export function around(at: number, today: number): string {
  return `about ${moment(at, today)}`;
}

/** `1 run`, `2 runs`. */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}

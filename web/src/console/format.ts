/** Formats numbers, durations and times for the console. Pure. */
import { durationOfMs } from "../design/durations.ts";

export { durationOfS as span } from "../design/durations.ts";
export { plural } from "../design/plural.ts";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const small = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const NOTHING = "–";

/** A count or a rate; a dash if unknown. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  return (Math.abs(value) < 10 ? small : whole).format(value);
}

const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A measured value, without its unit; a dash if unknown. */
export function figure(value: number | null): string {
  return value === null ? NOTHING : precise.format(value);
}

/** A duration in the unit that suits it; a dash if unknown. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  return durationOfMs(seconds * 1_000);
}

/** A size in binary units. */
export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let [size, unit] = [value / 1_024, 0];
  while (size >= 1_024 && unit < units.length - 1) [size, unit] = [size / 1_024, unit + 1];
  return `${small.format(size)} ${units[unit]}`;
}

/** The time of day, with the date unless it is today; both in seconds since the epoch. */
export function moment(at: number, today: number): string {
  const [when, now] = [new Date(at * 1_000), new Date(today * 1_000)];
  const time = when.toLocaleTimeString("en-GB");
  if (when.toDateString() === now.toDateString()) return time;
  return `${when.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/** A time that is known only to within some seconds. */
export function around(at: number, today: number): string {
  return `about ${moment(at, today)}`;
}

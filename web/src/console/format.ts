/** How figures, spans of time and moments read in the console. Pure; knows no view and no answer. */

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
  const ms = seconds * 1_000;
  if (ms < 10) return `${small.format(ms)} ms`;
  if (ms < 1_000) return `${whole.format(ms)} ms`;
  if (seconds < 10) return `${small.format(seconds)} s`;
  return span(seconds);
}

/** A longer time, in at most two units: `45 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`. */
export function span(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const units: [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => total >= size);
  if (first === -1) return "0 s";
  let left = total;
  const words: string[] = [];
  for (const [unit, size] of units.slice(first, first + 2)) {
    const many = Math.floor(left / size);
    left -= many * size;
    if (many > 0) words.push(`${many} ${unit}`);
  }
  return words.join(" ");
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

/** `1 run`, `2 runs`. */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}

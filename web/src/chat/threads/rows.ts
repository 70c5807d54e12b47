/** The rows of the list: threads grouped under headings by date. Pure. */
import type { Line } from "./lines.ts";

const DAY_MS = 86_400_000;

export type Row =
  | { readonly kind: "day"; readonly key: string; readonly label: string }
  | { readonly kind: "thread"; readonly key: string; readonly line: Line };

/** The rows in order, with an index. */
export interface Rows {
  readonly rows: readonly Row[];
  readonly keys: readonly string[];
  /** The index of each key. */
  readonly indexOf: ReadonlyMap<string, number>;
}

/** @param lines latest first; what a search found has another order, and no headings */
export function rowsOf(lines: readonly Line[], nowMs: number, isSearch = false): Rows {
  const label = labels(nowMs);
  const rows: Row[] = [];
  let day = "";
  for (const line of lines) {
    const next = label(line.updatedAt * 1000);
    if (next !== day && !isSearch) {
      day = next;
      // The order is that of seqs: where clocks differ, a label can come twice.
      rows.push({ kind: "day", key: `${day} ${rows.length}`, label: day });
    }
    rows.push({ kind: "thread", key: line.id, line });
  }
  const keys = rows.map(({ key }) => key);
  return { rows, keys, indexOf: new Map(keys.map((key, index) => [key, index])) };
}

/** The index of the nearest thread row from `index` on, in steps of 1 or -1; null for none. */
export function threadFrom({ rows }: Rows, index: number, step: 1 | -1): number | null {
  for (let at = index; at >= 0 && at < rows.length; at += step) {
    if (rows[at]?.kind === "thread") return at;
  }
  return null;
}

function labels(nowMs: number): (atMs: number) => string {
  const today = new Date(nowMs).setHours(0, 0, 0, 0);
  // Half a day back, because a day may have 23 or 25 hours.
  const yesterday = new Date(today - DAY_MS / 2).setHours(0, 0, 0, 0);
  const month = new Intl.DateTimeFormat("en", { month: "long" });
  const monthOfYear = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" });
  const thisYear = new Date(nowMs).getFullYear();
  return (atMs) => {
    if (atMs >= today) return "Today";
    if (atMs >= yesterday) return "Yesterday";
    if (atMs >= today - 7 * DAY_MS) return "Previous 7 days";
    if (atMs >= today - 30 * DAY_MS) return "Previous 30 days";
    const at = new Date(atMs);
    return (at.getFullYear() === thisYear ? month : monthOfYear).format(at);
  };
}

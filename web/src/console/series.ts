/** The last hour as columns: what the server's ring had, and what came since. Pure. */
import type { ClusterColumns, NodeColumns, Series } from "./ops.ts";

const ROWS_MAX = 720;

/** A column: what was measured of one node, or of all together. */
export type Column = keyof NodeColumns | keyof ClusterColumns;

type Values = readonly (number | null)[];

/** What is drawn: moments, seconds since the epoch, and a value of each column for each of them. */
export interface Curves {
  readonly at: readonly number[];
  readonly columns: Readonly<Partial<Record<Column, Values>>>;
}

/** The curves of all nodes together, or of the one that was asked for. */
export function curvesOf({ at, node, cluster }: Series, isOfAll: boolean): Curves {
  return { at, columns: isOfAll ? cluster : node };
}

/** The moment after which steps are wanted; null for all that there are. */
export function sinceOf(series: Series | null): number | null {
  return series?.at.at(-1) ?? null;
}

/**
 * The series with the steps of an answer. Null when they do not follow it because another node
 * answered: ask that one for all of its hour then.
 */
export function extended(series: Series | null, answer: Series): Series | null {
  if (series === null) return answer;
  if (series.node_id !== answer.node_id || series.of_node_id !== answer.of_node_id) return null;
  const last = sinceOf(series) ?? Number.NEGATIVE_INFINITY;
  const first = answer.at.findIndex((at) => at > last);
  if (first === -1) return series;
  const joined = (old: Values, more: Values) => [...old, ...more.slice(first)].slice(-ROWS_MAX);
  return {
    ...answer,
    at: [...series.at, ...answer.at.slice(first)].slice(-ROWS_MAX),
    node: eachColumn(series.node, answer.node, joined),
    cluster: eachColumn(series.cluster, answer.cluster, joined),
  };
}

function eachColumn<Columns extends Readonly<Record<keyof Columns, Values>>>(
  old: Columns,
  more: Columns,
  joined: (old: Values, more: Values) => Values,
): Columns {
  const names = Object.keys(more) as (keyof Columns)[];
  return Object.fromEntries(names.map((name) => [name, joined(old[name], more[name])])) as Columns;
}

/** One column; empty where it is not measured. */
export function columnOf({ columns }: Curves, column: Column): Values {
  return columns[column] ?? [];
}

/** What a column comes to in a span of time. */
interface Slice {
  readonly from: number;
  readonly mean: number | null;
  readonly highest: number | null;
}

/** A column in slices of `sliceS` seconds, the latest first: for tables. */
export function slicesOf(curves: Curves, column: Column, sliceS: number): Slice[] {
  const values = columnOf(curves, column);
  const groups = new Map<number, number[]>();
  for (const [index, at] of curves.at.entries()) {
    const from = Math.floor(at / sliceS) * sliceS;
    const group = groups.get(from) ?? [];
    const value = values[index];
    if (value !== null && value !== undefined) group.push(value);
    groups.set(from, group);
  }
  return [...groups].reverse().map(([from, group]) => ({
    from,
    mean: group.length === 0 ? null : group.reduce((sum, one) => sum + one, 0) / group.length,
    highest: group.length === 0 ? null : Math.max(...group),
  }));
}

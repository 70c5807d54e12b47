/** The last hour as columns: the server's ring buffer, and the steps since. Pure. */
import type { ClusterColumns, NodeColumns, Series } from "./ops.ts";

const ROWS_MAX = 720;

/** A metric of one node, or of the whole cluster. */
export type Column = keyof NodeColumns | keyof ClusterColumns;

type Values = readonly (number | null)[];

/** The data of the charts: times in seconds since the epoch, and a value per column and time. */
export interface Curves {
  readonly at: readonly number[];
  readonly columns: Readonly<Partial<Record<Column, Values>>>;
}

/** The curves of the cluster, or of the node that was asked for. */
export function curvesOf({ at, node, cluster }: Series, isOfAll: boolean): Curves {
  return { at, columns: isOfAll ? cluster : node };
}

/** The time of the last step, after which to ask for more; null to ask for all. */
export function sinceOf(series: Series | null): number | null {
  return series?.at.at(-1) ?? null;
}

/**
 * The series extended by the steps of an answer; null if another node answered, whose steps do not
 * continue it. Then ask for the whole hour.
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

/** One column; empty if it was not measured. */
export function columnOf({ columns }: Curves, column: Column): Values {
  return columns[column] ?? [];
}

/** A column's aggregate over a time slice. */
interface Slice {
  readonly from: number;
  readonly mean: number | null;
  readonly highest: number | null;
}

/** A column aggregated into slices of `sliceS` seconds, latest first. */
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

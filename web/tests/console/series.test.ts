import assert from "node:assert/strict";
import { test } from "node:test";
import type { Series } from "../../src/console/ops.ts";
import { columnOf, curvesOf, extended, sinceOf, slicesOf } from "../../src/console/series.ts";

/** Only the columns that are looked at are in it. */
function seriesOf(
  at: readonly number[],
  lagging: readonly (number | null)[],
  node = "node_a",
  ofNode = node,
) {
  const columns = { node: { lagging }, cluster: {} };
  return { node_id: node, of_node_id: ofNode, step_s: 5, at, ...columns } as unknown as Series;
}

test("new steps are appended", () => {
  const series = extended(seriesOf([5, 10], [1, 2]), seriesOf([10, 15], [9, 3]));

  assert.deepEqual(series?.at, [5, 10, 15]);
  assert.deepEqual(series && columnOf(curvesOf(series, false), "lagging"), [1, 2, 3]);
  assert.equal(sinceOf(series), 15);
});

test("at most an hour is kept", () => {
  const many = Array.from({ length: 720 }, (_, index) => index * 5);

  const series = extended(seriesOf(many, many), seriesOf([3_600], [7]));

  assert.equal(series?.at.length, 720);
  assert.equal(series?.at[0], 5);
});

test("steps of another node do not continue a series", () => {
  assert.equal(extended(seriesOf([5], [1]), seriesOf([10], [1], "node_b")), null);
  assert.equal(extended(seriesOf([5], [1]), seriesOf([10], [1], "node_a", "node_b")), null);
});

test("without new steps, the series keeps its identity", () => {
  const series = seriesOf([5], [1]);

  assert.equal(extended(series, seriesOf([], [])), series);
});

test("slices have mean and maximum, latest first", () => {
  const series = seriesOf([0, 5, 300, 305], [2, 4, null, null]);

  assert.deepEqual(slicesOf(curvesOf(series, false), "lagging", 300), [
    { from: 300, mean: null, highest: null },
    { from: 0, mean: 3, highest: 4 },
  ]);
});

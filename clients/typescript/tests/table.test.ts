/** Tables: values that share what they can, whichever of them grows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tableOf, withoutRows, withRows } from "../src/state/table.ts";

const row = (id: string, value = 0) => ({ id, value });
const all = (table: ReturnType<typeof tableOf<{ id: string; value: number }>>) => [
  ...table.values(),
];

test("a change leaves the original table unchanged", () => {
  const first = tableOf([row("a"), row("b")]);
  const second = withRows(first, [row("b", 1), row("c", 1)]);
  assert.deepEqual(all(first), [row("a"), row("b")]);
  assert.deepEqual(all(second), [row("a"), row("b", 1), row("c", 1)]);
  assert.deepEqual([first.get("c"), second.get("c")?.value], [undefined, 1]);
  assert.equal(second.get("a"), first.get("a"));
});

test("two tables derived from one are independent", () => {
  const first = tableOf([row("a")]);
  const one = withRows(first, [row("b")]);
  const other = withRows(first, [row("c")]);
  const third = withRows(first, [row("b", 3), row("d", 3)]);
  assert.deepEqual(all(one), [row("a"), row("b")]);
  assert.deepEqual(all(other), [row("a"), row("c")]);
  assert.deepEqual(
    [one.get("c"), other.get("b"), first.get("b")],
    [undefined, undefined, undefined],
  );
  assert.deepEqual([third.get("b")?.value, third.get("d")?.value], [3, 3]);
  assert.deepEqual([one.get("b")?.value, third.size], [0, 3]);
});

test("a removed row is gone, and can be added again", () => {
  const table = withoutRows(tableOf([row("a"), row("b"), row("c")]), ["b"]);
  assert.deepEqual([table.size, table.get("b"), table.get("c")?.id], [2, undefined, "c"]);
  assert.deepEqual(all(withRows(table, [row("b", 2)])), [row("a"), row("c"), row("b", 2)]);
});

test("the later of two rows with the same id wins", () => {
  assert.deepEqual(all(tableOf([row("a", 1), row("a", 2)])), [row("a", 2)]);
});

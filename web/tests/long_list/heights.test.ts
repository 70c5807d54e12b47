/** Where the items of a long list lie. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Heights } from "../../src/chat/long_list/heights.ts";

function made(keys: readonly string[]): Heights {
  const heights = new Heights();
  heights.setItems(keys, (index) => 10 + index);
  return heights;
}

test("items that were not measured are estimated", () => {
  const heights = made(["a", "b", "c"]);
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => heights.startOf(index)),
    [0, 10, 21, 33],
  );
  assert.equal(heights.total, 33);
});

test("a measurement moves the items after it, and only a different one is a change", () => {
  const heights = made(["a", "b", "c"]);
  assert.equal(heights.total, 33);
  assert.equal(heights.measure("b", 100), true);
  assert.equal(heights.measure("b", 100), false);
  assert.deepEqual(
    [1, 2, 3].map((index) => heights.startOf(index)),
    [10, 110, 122],
  );
});

test("measurements stay with their items when others are inserted before them", () => {
  const heights = made(["a", "b"]);
  heights.measure("a", 50);
  heights.setItems(["x", "y", "a", "b"], () => 1);
  assert.deepEqual(
    [2, 3, 4].map((index) => heights.startOf(index)),
    [2, 52, 53],
  );
});

test("the item at an offset", () => {
  const heights = made(["a", "b", "c"]);
  const found = [-5, 0, 9, 10, 20, 21, 32, 33, 999].map((offset) => heights.indexAt(offset));
  assert.deepEqual(found, [0, 0, 0, 1, 1, 2, 2, 2, 2]);
  assert.equal(made([]).indexAt(10), 0);
});

test("appending items keeps the known offsets", () => {
  let asked = 0;
  const estimate = () => {
    asked += 1;
    return 10;
  };
  const heights = new Heights();
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${index}`);
  heights.setItems(keys, estimate);
  assert.equal(heights.total, 50_000);
  heights.setItems([...keys, "new"], estimate);
  heights.measure("new", 20);
  assert.equal(heights.total, 50_020);
  assert.equal(asked, 5_000);
});

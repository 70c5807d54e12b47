/** Under which day a line stands, and where arrows lead. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf, threadFrom } from "../../src/chat/threads/rows.ts";
import { line } from "./a_line.ts";

const NOW = new Date(2026, 2, 30, 15, 0).getTime();

test("threads are grouped by the day of their latest message", () => {
  const at = (year: number, month: number, day: number) =>
    new Date(year, month, day, 12).getTime() / 1000;
  const days = [at(2026, 2, 30), at(2026, 2, 29), at(2026, 2, 25), at(2026, 2, 2)];
  const older = [at(2026, 1, 20), at(2025, 1, 20)];
  const lines = [...days, ...older].map((updatedAt, index) => line(`t${index}`, { updatedAt }));
  const labels = rowsOf(lines, NOW).rows.flatMap((row) => (row.kind === "day" ? [row.label] : []));
  assert.deepEqual(labels, [
    "Today",
    "Yesterday",
    "Previous 7 days",
    "Previous 30 days",
    "February",
    "February 2025",
  ]);
});

test("what a search found has no headings, because the best hits come first", () => {
  const lines = [line("a", { updatedAt: 1 }), line("b", { updatedAt: NOW / 1000 })];
  assert.deepEqual(rowsOf(lines, NOW, true).keys, ["a", "b"]);
});

test("arrow keys skip the headings", () => {
  const today = { updatedAt: NOW / 1000 };
  const yesterday = { updatedAt: NOW / 1000 - 86_400 };
  const listed = rowsOf([line("a", today), line("b", yesterday)], NOW);
  assert.equal(listed.indexOf.get("b"), 3);
  assert.equal(threadFrom(listed, 2, 1), 3);
  assert.equal(threadFrom(listed, 2, -1), 1);
  assert.equal(threadFrom(listed, 0, -1), null);
});

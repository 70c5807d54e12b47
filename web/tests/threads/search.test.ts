/** What a search finds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../../src/chat/threads/lines.ts";
import { search } from "../../src/chat/threads/search.ts";
import { line } from "./a_line.ts";

const idsOf = (lines: readonly Line[]) => lines.map(({ id }) => id);

test("a search needs every word in title or preview, ignoring case and accents", () => {
  const lines = [
    line("a", { title: "Météo à Paris" }),
    line("b", { title: "Taxes", preview: "How is the METEO taxed?" }),
    line("c", { title: "שלום עולם" }),
  ];
  assert.deepEqual(idsOf(search(lines, "meteo")), ["a", "b"]);
  assert.deepEqual(idsOf(search(lines, " meteo  tax")), ["b"]);
  assert.deepEqual(idsOf(search(lines, "עולם")), ["c"]);
  assert.equal(search(lines, "  "), lines);
  assert.deepEqual(search(lines, "nothing"), []);
});

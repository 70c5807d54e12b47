/** What a search finds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../../src/chat/threads/lines.ts";
import { excerptOf, search } from "../../src/chat/threads/search.ts";
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

test("what contains the query as a phrase comes first", () => {
  const titles = ["number 13 about 3", "number 3 about tea", "about number 3", "Number 3 About"];
  const lines = titles.map((title) => line(title));
  assert.deepEqual(idsOf(search(lines, "number  3 about")), [
    ...["number 3 about tea", "Number 3 About"],
    ...["number 13 about 3", "about number 3"],
  ]);
});

/** An excerpt as a text, with its marks in brackets. */
const marked = (title: string, query: string, preview = "") =>
  excerptOf(line("a", { title, preview }), query)
    .map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))
    .join("");

test("what matched is marked as it is written", () => {
  assert.equal(marked("Météo à Paris", "meteo par"), "[Météo] à [Par]is");
  assert.equal(
    marked("Me\u0301te\u0301o, e\u0301te\u0301", "ete"),
    "M[e\u0301te\u0301]o, [e\u0301te\u0301]",
  );
  assert.equal(marked("The ﬁnal word", "final"), "The [ﬁnal] word");
  assert.equal(marked("שלום עולם", "עולם"), "שלום [עולם]");
  assert.equal(marked("number 3 about 3", "number 3"), "[number 3] about 3");
  assert.equal(marked("aaa", "a aa"), "[a][a][a]");
  assert.equal(marked("Any", " "), "Any");
});

test("an excerpt begins shortly before a match that would be cut off", () => {
  const title = "Conversation number 138 about the weather in Tokyo";
  assert.equal(marked(title, "weather"), "…about the [weather] in Tokyo");
  assert.equal(marked(title, "tokyo"), "…weather in [Tokyo]");
  assert.equal(marked(`${"x".repeat(40)}y`, "y"), "…[y]");
});

test("a match in the beginning of a conversation is shown instead of its title", () => {
  assert.equal(marked("Taxes", "2026", "What was due in 2026?"), "…due in [2026]?");
  assert.equal(marked("Tea", "green tea", "Is green tea good?"), "Is [green tea] good?");
  assert.equal(marked("Green", "green tea", "Is tea good?"), "[Green]");
});

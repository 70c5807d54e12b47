/** The list of threads: what a line says, which day it stands under, what a search finds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunView, ThreadView } from "@threadcast/client";
import { emptyHistory, tableOf } from "@threadcast/client/chat";
import { type Line, Lines, lineOf, titleOf } from "../../src/chat/threads/lines.ts";
import { rowsOf, threadFrom } from "../../src/chat/threads/rows.ts";
import { search } from "../../src/chat/threads/search.ts";

const NOW = new Date(2026, 2, 30, 15, 0).getTime();

function view(id: string, fields: Partial<ThreadView> = {}): ThreadView {
  const blank = { titleSeq: 0, activeSeq: 0, preview: null, metadata: {}, active: {} };
  const read = { history: null, isKnown: true, waiting: null, hasGap: false, title: null };
  return { ...blank, ...read, id, order: 1, updatedAt: NOW / 1000, ...fields };
}

function stateOf(...views: ThreadView[]) {
  return { threads: tableOf(views), recent: views.map(({ id }) => id) };
}

function line(id: string, fields: Partial<Line> = {}): Line {
  const blank = { title: id, preview: "", order: 1, isRunning: false, isWaiting: false };
  return { ...blank, isArchived: false, id, updatedAt: NOW / 1000, ...fields };
}

const idsOf = (lines: readonly Line[]) => lines.map(({ id }) => id);

test("a thread is called by its title, else by how it begins", () => {
  assert.equal(titleOf({ title: "Sums", preview: "What is" }), "Sums");
  assert.equal(titleOf({ title: null, preview: "\n  What is\n2 + 2?" }), "What is");
  assert.equal(titleOf({ title: null, preview: null }), "New conversation");
});

test("what streams into a thread leaves the list as it was", () => {
  const lines = new Lines();
  const before = lines.of(stateOf(view("a"), view("b")));
  const streamed = view("a", { hasGap: true });
  assert.equal(lines.of(stateOf(streamed, view("b"))), before);
  const renamed = lines.of(stateOf(view("a", { title: "Sums" }), view("b")));
  assert.notEqual(renamed, before);
  assert.equal(renamed[1], before[1]);
});

test("a thread that asks the person something waits for them, opened or not", () => {
  const waits = (active: ThreadView["active"], status?: RunView["status"]) => {
    const run = { id: "run", status } as RunView;
    const history = { ...emptyHistory(1), order: ["run"], runs: tableOf([run]) };
    return lineOf(view("a", { active, history: status ? history : null })).isWaiting;
  };
  assert.deepEqual(
    [waits({}), waits({ run: "running" }), waits({ run: "waiting" })],
    [false, false, true],
  );
  // One of two questions was answered.
  assert.equal(waits({ run: "running" }, "waiting"), true);
  assert.equal(waits({}, "completed"), false);
});

test("the list follows the order of the state and forgets what is gone", () => {
  const lines = new Lines();
  assert.deepEqual(idsOf(lines.of(stateOf(view("a"), view("b")))), ["a", "b"]);
  assert.deepEqual(idsOf(lines.of(stateOf(view("b"), view("a")))), ["b", "a"]);
  assert.deepEqual(idsOf(lines.of(stateOf(view("b")))), ["b"]);
});

test("a line says whether a run goes on and whether it is put away", () => {
  const busy = view("a", { active: { run: "running" }, metadata: { archived: true } });
  const [only] = new Lines().of(stateOf(busy));
  assert.equal(only?.isRunning, true);
  assert.equal(only?.isWaiting, false);
  assert.equal(only?.isArchived, true);
});

test("threads stand under the day of their latest message", () => {
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

test("arrows step over the days", () => {
  const yesterday = { updatedAt: NOW / 1000 - 86_400 };
  const listed = rowsOf([line("a"), line("b", yesterday)], NOW);
  assert.equal(listed.indexOf.get("b"), 3);
  assert.equal(threadFrom(listed, 2, 1), 3);
  assert.equal(threadFrom(listed, 2, -1), 1);
  assert.equal(threadFrom(listed, 0, -1), null);
});

test("a search wants every word, of title or beginning, whatever the case and accents", () => {
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

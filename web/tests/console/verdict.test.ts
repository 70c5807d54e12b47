import assert from "node:assert/strict";
import { test } from "node:test";
import { drainNode } from "../../src/console/actions/actions.ts";
import type { FiringAlert } from "../../src/console/ops.ts";
import { verdictOf } from "../../src/console/verdict.ts";
import { AT, node, overviewWith } from "./overview_facts.ts";

const away = { ok: false, since: AT - 90, ping_ms: null };

function firing(rule: string, nodeId: string, since: number): FiringAlert {
  return {
    rule,
    severity: "high",
    since,
    value: 0.9,
    threshold: 0.995,
    node_id: nodeId,
    unit: "share",
    good: "at_least",
    faults: "of connection attempts failed",
    looks_back_s: 300,
    last_at: null,
    summary: "Too many connection attempts fail.",
    was: "Too many connection attempts failed.",
    meaning: "",
    advice: "Look at the log.",
  };
}

test("without troubles there is one sentence", () => {
  const verdict = verdictOf(overviewWith());

  const sentence = "All promises hold.";
  assert.deepEqual(verdict, { severity: "well", sentence, others: "", troubles: [] });
});

test("a node without its database is named with its users and since when", () => {
  const nodes = [node("node_a"), node("node_b", { database: away })];

  const { severity, sentence, troubles } = verdictOf(overviewWith({ nodes }));

  assert.equal(severity, "broken");
  assert.equal(sentence, "A node cannot use the database.");
  assert.equal(troubles[0]?.whom, "7 users of node_b");
  assert.equal(troubles[0]?.since, AT - 90);
});

test("a node without its database knows nothing of others, and that is the cause of what it measures", () => {
  const other = { ...node("node_b"), known: false };
  const nodes = [node("node_a", { database: away }), other];
  const measured = [firing("commit_failures", "node_a", AT - 95)];

  const { troubles } = verdictOf(overviewWith({ nodes, firing: measured, database: away }));

  assert.deepEqual(
    troubles.map((one) => one.key),
    ["database", "rule-commit_failures"],
  );
  assert.match(troubles[0]?.whom ?? "", /^7 users of node_a, and maybe others/);
});

test("what a node had when it was last known is not told as what it has", () => {
  const other = { ...node("node_b", { bus: away }), known: false };
  const nodes = [node("node_a", { database: away }), other];

  const { troubles } = verdictOf(overviewWith({ nodes, database: away }));

  assert.deepEqual(
    troubles.map((one) => one.key),
    ["database"],
  );
});

test("what all nodes have hits everyone, since the first of them had it", () => {
  const later = { ...away, since: AT - 30 };
  const nodes = [node("node_a", { bus: later }), node("node_b", { bus: away })];

  const { severity, sentence, troubles } = verdictOf(overviewWith({ nodes }));

  assert.equal(severity, "troubled");
  assert.equal(sentence, "2 nodes cannot reach the bus.");
  assert.deepEqual([troubles[0]?.whom, troubles[0]?.since], ["everyone", AT - 90]);
});

test("a lost node is a trouble since it last spoke", () => {
  const nodes = [node("node_a"), node("node_b", { at: AT - 14 }, false)];

  const { sentence, troubles } = verdictOf(overviewWith({ nodes }));

  assert.equal(sentence, "A node is lost.");
  assert.equal(troubles[0]?.since, AT - 14);
});

test("a drained node is a trouble when no other is there", () => {
  const drained = node("node_a", { draining: true, drained: true });

  const alone = verdictOf(overviewWith({ nodes: [drained] }));
  assert.deepEqual([alone.severity, alone.sentence], ["broken", "A node takes no new work."]);
  const beside = verdictOf(overviewWith({ nodes: [drained, node("node_b")] }));
  assert.equal(beside.severity, "well");
});

test("a rule that fires on two nodes is one trouble, the worst stand first", () => {
  const rules = [
    { ...firing("connect_success", "node_b", AT - 20), value: 0.687 },
    firing("connect_success", "node_a", AT - 40),
  ];
  const nodes = [node("node_a", { bus: away }), node("node_b")];

  const { sentence, others, troubles } = verdictOf(overviewWith({ firing: rules, nodes }));

  assert.equal(
    sentence,
    "31 % of connection attempts failed in the last 5 min (good is under 0.5 %).",
  );
  assert.equal(others, "And one other trouble.");
  assert.deepEqual(
    troubles.map((one) => one.key),
    ["rule-connect_success", "bus"],
  );
  assert.equal(troubles[0]?.since, AT - 40);
  assert.equal(troubles[0]?.whom, "everyone");
});

test("failing runs lead to those that failed", () => {
  const fails = firing("run_success", "node_a", AT - 20);
  const few = { ...fails, value: 0.98951, threshold: 0.99, faults: "of runs failed" };

  const [trouble] = verdictOf(overviewWith({ firing: [few] })).troubles;

  assert.equal(trouble?.what, "1.05 % of runs failed in the last 5 min (good is under 1 %).");
  assert.deepEqual(trouble?.look, { view: "runs", id: "failed" });
});

test("commits that failed before the database was well again are past, and others are not", () => {
  const back = { ok: true, since: AT - 8, ping_ms: 1 };
  const rule = { ...firing("commit_failures", "node_a", AT - 20), faults: "" };
  const failed = { ...rule, summary: "Commits fail." };
  const verdict = (last: number, database = back) =>
    verdictOf(
      overviewWith({
        firing: [{ ...failed, last_at: last }],
        nodes: [node("node_a", { database }), node("node_b")],
      }),
    );

  const { severity, sentence, troubles } = verdict(AT - 10);
  assert.equal(severity, "troubled");
  assert.match(sentence, /^Commits failed until about \d\d:\d\d:\d\d\.$/);
  assert.equal(troubles[0]?.until, AT - 10);
  assert.equal(verdict(AT - 4).troubles[0]?.until, AT - 8); // it was only counted then
  const full = verdict(AT - 4, { ...back, since: AT - 900 }); // it answers, and has no room
  assert.deepEqual([full.severity, full.sentence], ["broken", "Commits fail."]);
});

test("an event that nearly reached another user is never forgotten", () => {
  const { safety } = overviewWith();
  const held = { ...safety, foreign_deliveries: 2, foreign_delivery_at: AT - 800 };

  const verdict = verdictOf(overviewWith({ safety: held }));

  assert.equal(verdict.severity, "broken");
  assert.equal(verdict.sentence, "2 events of one user nearly reached another.");
  assert.equal(verdict.troubles[0]?.since, AT - 800);
});

function queued(behind: "running" | "waiting" | null, age: number, count = 3) {
  const oldest = { run_id: "run_a", user: "ada", created_at: AT - age };
  return {
    complete: true,
    counted_at: AT,
    states: [{ status: "queued" as const, count, oldest }],
    queued: [{ behind, count, oldest, since: AT - age }],
  };
}

test("a run that waits long for a runner is a trouble, one that just came is none", () => {
  assert.equal(verdictOf(overviewWith({ runs: queued(null, 5) })).severity, "well");
  const { troubles } = verdictOf(overviewWith({ runs: queued(null, 300) }));
  assert.equal(troubles[0]?.what, "3 runs wait for a runner.");
  assert.deepEqual(troubles[0]?.run, { id: "run_a", user: "ada" });
  assert.equal(troubles[0]?.since, AT - 300);
});

test("a run behind a question waits for a person, and that is no trouble", () => {
  assert.equal(verdictOf(overviewWith({ runs: queued("waiting", 900) })).severity, "well");
});

test("a run behind one that does not end is a trouble of its own", () => {
  const { sentence } = verdictOf(overviewWith({ runs: queued("running", 300, 1) }));

  assert.equal(sentence, "1 run waits for another run of the same thread, which does not end.");
});

test("who is behind is named, the first few", () => {
  const reader = { connection_id: "c", lag_events: 9, since: AT - 60, node_id: "node_b" };
  const lagging_readers = ["ann", "ann", "bob", "cyd", "dan"].map((user) => ({ ...reader, user }));
  const told = { firing: [{ ...firing("readers_behind", "node_b", AT - 60), faults: "" }] };
  const whom = (readers: typeof lagging_readers) =>
    verdictOf(overviewWith({ ...told, lagging_readers: readers })).troubles[0]?.whom;

  assert.match(whom(lagging_readers) ?? "", /^ann, bob, cyd and others \(see who is behind\);/);
  assert.match(
    whom(lagging_readers.slice(0, 3)) ?? "",
    /^ann, bob; 90 % in the last 5 min \(good is/,
  );
  assert.match(whom([]) ?? "", /^users of node_b;/);
});

test("who drains the last node that takes work is told so", () => {
  const [last] = drainNode(node("node_a"), 0).happens;

  assert.match(last ?? "", /^This is the last node that takes new work/);
  assert.ok(!drainNode(node("node_a"), 1).happens.some((one) => one.includes("last node")));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING_SEEN, pastOf, sawTroubles } from "../../src/console/history.ts";
import type { PastTrouble } from "../../src/console/ops.ts";
import { AT, node, overviewWith } from "./overview_facts.ts";

const nodes = [node("node_a"), node("node_b"), node("node_c")];

function away(id: string, began: number, ended: number, users = 2): PastTrouble {
  const ofNobody = { run_id: null, user: null, place: null };
  return { kind: "bus", node_id: id, users, ...ofNobody, began_at: began, ended_at: ended };
}

test("the same trouble of several nodes at the same time is one, of the users of all of them", () => {
  const past = [away("node_a", AT - 90, AT - 60), away("node_b", AT - 85, AT - 55)];

  const [first, ...others] = pastOf(overviewWith({ past, nodes }), NOTHING_SEEN);

  assert.equal(first?.what, "2 nodes could not reach the bus.");
  assert.equal(first?.whom, "up to 4 users of node_a, node_b");
  assert.deepEqual([first?.began, first?.ended], [AT - 90, AT - 55]);
  assert.deepEqual(others, []);
});

test("what held a node is said", () => {
  const held = { ...away("node_a", AT - 90, AT - 80), kind: "held" as const };
  const past = [{ ...held, place: "mine.py:10 in mine" }];

  const [first] = pastOf(overviewWith({ past, nodes }), NOTHING_SEEN);

  assert.equal(
    first?.what,
    "A node stalled and did not respond. It was held at mine.py:10 in mine.",
  );
});

test("a trouble of all nodes affected everyone", () => {
  const past = ["node_a", "node_b", "node_c"].map((id) => away(id, AT - 90, AT - 60));

  const [first] = pastOf(overviewWith({ past, nodes }), NOTHING_SEEN);

  assert.deepEqual([first?.what, first?.whom], ["3 nodes could not reach the bus.", "everyone"]);
});

test("a trouble of nodes that are gone did not affect the users of the one that is left", () => {
  const past = ["node_a", "node_b"].map((id) => away(id, AT - 90, AT - 60));

  const [first] = pastOf(overviewWith({ past, nodes: [node("node_c")] }), NOTHING_SEEN);

  assert.equal(first?.whom, "up to 4 users of node_a, node_b");
});

test("the same trouble at different times is two", () => {
  const past = [away("node_a", AT - 90, AT - 60), away("node_a", AT - 50, AT - 40)];

  assert.equal(pastOf(overviewWith({ past, nodes }), NOTHING_SEEN).length, 2);
});

test("troubles of different runs are not merged", () => {
  const waited = { ...away("node_a", AT - 90, AT - 60), kind: "queued" as const, node_id: null };
  const past = ["ada", "bob"].map((user) => ({ ...waited, user, run_id: `run_${user}` }));

  assert.deepEqual(
    pastOf(overviewWith({ past, nodes }), NOTHING_SEEN).map((one) => one.whom),
    ["user ada", "user bob"],
  );
});

test("the report of one node stays when the next answer is from another", () => {
  const past = [away("node_a", AT - 90, AT - 60)];
  const seen = sawTroubles(NOTHING_SEEN, [], overviewWith({ past, nodes, at: AT - 4 }));

  assert.equal(pastOf(overviewWith({ nodes }), seen).length, 1);
  assert.equal(pastOf(overviewWith({ past, nodes }), seen).length, 1);
  assert.equal(pastOf(overviewWith({ nodes, at: AT + 3_600 }), seen).length, 0);
});

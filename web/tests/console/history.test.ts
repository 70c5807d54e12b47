import assert from "node:assert/strict";
import { test } from "node:test";
import {
  calmSince,
  NOTHING_SEEN,
  pastOf,
  type Seen,
  sawSilence,
  sawTroubles,
  whoseServer,
} from "../../src/console/history.ts";
import type { PastTrouble, ToldAlert } from "../../src/console/ops.ts";
import type { Trouble } from "../../src/console/verdict.ts";
import { AT, node, overviewWith } from "./overview_facts.ts";

const queue: Trouble = {
  key: "queued",
  severity: "troubled",
  what: "2 runs wait for a runner.",
  was: "A run waited for a runner.",
  whom: "user ada",
  run: { id: "run_a", user: "ada" },
  since: AT - 300,
  advice: "",
};

function past(change: Partial<PastTrouble>): PastTrouble {
  return {
    kind: "held",
    node_id: "node_a",
    users: 7,
    run_id: null,
    user: null,
    place: null,
    began_at: AT - 115,
    ended_at: AT - 100,
    ...change,
  };
}

/** What a page saw that saw this trouble stand, and saw it no more. */
function saws(seen: Seen, trouble: Trouble, stood: number, ended: number): Seen {
  const before = sawTroubles(seen, [trouble], overviewWith({ at: stood }));
  return sawTroubles(before, [], overviewWith({ at: ended }));
}

function told(change: ToldAlert["change"], at: number, nodeId = "node_a"): ToldAlert {
  const was = "Too many runs failed.";
  const ends = { began_at: null, last_at: null };
  const rule = "run_success";
  return { at, rule, change, value: 0.5, threshold: 0.99, ...ends, node_id: nodeId, was };
}

test("a trouble that the page saw is over when an answer shows it no more", () => {
  const saw = sawTroubles(NOTHING_SEEN, [queue], overviewWith({ at: AT - 60 }));
  assert.deepEqual(saw.over, []);

  const after = sawTroubles(saw, [], overviewWith({ at: AT - 40 }));

  const { key, was: what, whom, run } = queue;
  assert.deepEqual(pastOf(overviewWith(), after), [
    { key, what, whom, run, began: AT - 300, ended: AT - 40, isAbout: false },
  ]);
  assert.deepEqual(calmSince(overviewWith(), after), { at: AT - 40, isAbout: false });
});

test("nothing was wrong since the server began, when neither knows of anything", () => {
  assert.deepEqual(calmSince(overviewWith(), NOTHING_SEEN), { at: AT - 900, isAbout: false });
});

test("behind a proxy nodes answer by turns: the one that has run longest knows most", () => {
  const seen = sawTroubles(NOTHING_SEEN, [], overviewWith({ since: AT - 1_000 }));

  assert.equal(calmSince(overviewWith(), seen).at, AT - 1_000);
});

test("what the server knows ends the calm, too, though this page never saw it", () => {
  const overview = overviewWith({ past: [past({})], nodes: [node("node_a")] });

  assert.equal(calmSince(overview, NOTHING_SEEN).at, AT - 100);
  assert.equal(pastOf(overview, NOTHING_SEEN)[0]?.whom, "everyone (7 users)");
});

test("a run that waited is listed with its user", () => {
  const waited = past({ kind: "queued", node_id: null, users: null, run_id: "run_a", user: "ada" });

  const [first] = pastOf(overviewWith({ past: [waited] }), NOTHING_SEEN);

  assert.equal(first?.what, "A run waited for a runner.");
  assert.deepEqual(first?.run, { id: "run_a", user: "ada" });
});

test("an outage is listed, unless a node itself reports that it stalled", () => {
  const seen = sawSilence(
    NOTHING_SEEN,
    overviewWith({ at: AT - 120 }),
    overviewWith({ at: AT - 100 }),
  );

  assert.deepEqual(
    pastOf(overviewWith(), seen).map((one) => [one.key, one.began, one.ended]),
    [["silent", AT - 120, AT - 100]],
  );
  const known = overviewWith({ past: [past({})] });
  assert.deepEqual(
    pastOf(known, seen).map((one) => one.key),
    ["held"],
  );
});

test("what the server and the page saw is told once, another time of the same is told", () => {
  const waited = past({ kind: "queued", run_id: "run_a", user: "ada", began_at: AT - 300 });
  const saw = saws(NOTHING_SEEN, queue, AT - 150, AT - 98);
  assert.equal(pastOf(overviewWith({ past: [waited] }), saw).length, 1);

  const again = saws(saw, { ...queue, since: AT - 80 }, AT - 20, AT - 10);
  assert.equal(pastOf(overviewWith({ past: [waited] }), again).length, 2);
});

test("a trouble that stands again since before is not over", () => {
  const back = sawTroubles(saws(NOTHING_SEEN, queue, AT - 60, AT - 40), [queue], overviewWith());
  assert.deepEqual(pastOf(overviewWith(), back), []);

  const anew = sawTroubles(back, [{ ...queue, since: AT - 5 }], overviewWith());
  assert.equal(pastOf(overviewWith(), anew).length, 1);
});

test("an alert that recovered is past, from when it fired on that node", () => {
  const history = [
    told("recovered", AT - 30),
    told("firing", AT - 60, "node_b"),
    told("reminder", AT - 90),
    told("firing", AT - 200),
  ];

  const [first, ...others] = pastOf(overviewWith({ told: history }), NOTHING_SEEN);

  assert.deepEqual(
    [first?.what, first?.whom, first?.began, first?.ended],
    ["Too many runs failed.", "users of node_a", AT - 200, AT - 30],
  );
  assert.deepEqual(others, []);
});

test("an alert is over when it last had a cause, not when its window has passed", () => {
  const end = { ...told("recovered", AT - 30), began_at: AT - 260, last_at: AT - 240 };

  const overview = overviewWith({ told: [end, told("firing", AT - 255)] });

  const [first] = pastOf(overview, NOTHING_SEEN);

  assert.deepEqual([first?.began, first?.ended], [AT - 260, AT - 240]);
  assert.deepEqual(calmSince(overview, NOTHING_SEEN), { at: AT - 240, isAbout: true });
});

test("a rule that only a newer node knows is named, for want of words", () => {
  const unknown = { ...told("recovered", AT - 30), rule: "of_tomorrow", was: "" };

  const [first] = pastOf(overviewWith({ told: [unknown] }), NOTHING_SEEN);

  assert.equal(first?.what, "The rule of_tomorrow fired.");
});

test("troubles are dropped after an hour, and a page keeps at most 50", () => {
  const old = overviewWith({ past: [past({ began_at: AT - 3_800, ended_at: AT - 3_700 })] });
  assert.deepEqual(pastOf(old, NOTHING_SEEN), []);

  let seen: Seen = NOTHING_SEEN;
  for (let turn = 0; turn < 60; turn += 1) {
    seen = saws(seen, queue, AT + turn, AT + turn);
  }
  assert.equal(seen.over.length, 50);
});

test("an outage of a node affects its own users only", () => {
  assert.equal(whoseServer(overviewWith()), "7 users of node_a");
  assert.match(whoseServer(overviewWith({ nodes: [node("node_a")] })), /^everyone/);
});

test("a server without users is named, and no users are", () => {
  const nodes = [node("node_a", { users: 0 }), node("node_b")];
  assert.equal(whoseServer(overviewWith({ nodes })), "node_a");
  const overview = overviewWith({ past: [past({ users: 0 })], nodes });
  assert.equal(pastOf(overview, NOTHING_SEEN)[0]?.whom, "node_a");
});

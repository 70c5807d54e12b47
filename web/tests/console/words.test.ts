import assert from "node:assert/strict";
import { test } from "node:test";
import { holderOf } from "../../src/console/access.ts";
import { bytes, count, duration, many, moment, span } from "../../src/console/format.ts";
import { fragmentOf, type Route, routeOf } from "../../src/console/route.ts";

test("figures are short", () => {
  assert.deepEqual([0, 0.25, 9.96, 12.6, 1_204, null].map(count), [
    "0",
    "0.3",
    "10",
    "13",
    "1,204",
    "–",
  ]);
  assert.deepEqual(
    [bytes(100), bytes(1_536), bytes(3 * 1_024 ** 2)],
    ["100 B", "1.5 KiB", "3 MiB"],
  );
  assert.deepEqual([many(1, "run"), many(2, "run"), many(0, "run")], ["1 run", "2 runs", "0 runs"]);
});

test("times have the unit of their size", () => {
  assert.deepEqual([0.0004, 0.042, 2.34, 75, null].map(duration), [
    "0.4 ms",
    "42 ms",
    "2.3 s",
    "1 min 15 s",
    "–",
  ]);
  assert.deepEqual([0, 59.6, 3_600, 93_000].map(span), ["0 s", "1 min", "1 h", "1 d 1 h"]);
});

test("a moment of another day has its day", () => {
  const noon = new Date(2026, 10, 26, 12, 0, 5).getTime() / 1_000;

  assert.equal(moment(noon, noon + 60), "12:00:05");
  assert.equal(moment(noon - 86_400, noon), "25 Nov 12:00:05");
});

test("a route is its fragment, whatever the id", () => {
  const routes: Route[] = [
    { view: "overview" },
    { view: "nodes" },
    { view: "users", id: "ada/b@example.com #1%" },
    { view: "runs", id: "" },
  ];

  assert.deepEqual(routes.map(fragmentOf).map(routeOf), routes);
  assert.deepEqual(routeOf("#/nonsense"), { view: "overview" });
  assert.deepEqual(routeOf("#/users/%zz"), { view: "users", id: "" });
});

test("a token is asked what it says of itself, and any text is taken", () => {
  const payload = Buffer.from(JSON.stringify({ sub: "ölga", scope: "ops content", exp: 9 }));

  assert.deepEqual(holderOf(`x.${payload.toString("base64url")}.y`), {
    name: "ölga",
    scopes: ["ops", "content"],
    expiresAt: 9,
  });
  for (const text of ["", "a.b.c", "..", `x.${Buffer.from("[1]").toString("base64url")}.y`]) {
    assert.deepEqual(holderOf(text), { name: "", scopes: [], expiresAt: null });
  }
});

/** Which view an address names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FAILED, fragmentOf, type Route, routeOf } from "../../src/console/route.ts";

test("a route is its fragment, whatever the id", () => {
  const routes: Route[] = [
    { view: "overview" },
    { view: "nodes" },
    { view: "users", id: "ada/b@example.com #1%" },
    { view: "runs", id: "" },
    { view: "runs", id: FAILED },
  ];

  assert.deepEqual(routes.map(fragmentOf).map(routeOf), routes);
  assert.deepEqual(routeOf("#/nonsense"), { view: "overview" });
  assert.deepEqual(routeOf("#/users/%zz"), { view: "users", id: "" });
});

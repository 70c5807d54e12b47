import assert from "node:assert/strict";
import { test } from "node:test";
import { checked, NoToken, namedProvider } from "../../src/element/token_provider.ts";

const why = { renew: false };

test("a dotted name finds a method, and keeps its `this`", async () => {
  const shop = {
    who: "ada",
    token: function (this: { who: string }) {
      return `t-${this.who}`;
    },
  };
  assert.equal(await namedProvider("shop.token", { shop })(why), "t-ada");
  assert.equal(await namedProvider("token", { token: () => "t" })(why), "t");
});

test("the reason for asking is passed on", async () => {
  const seen: unknown[] = [];
  const page = { token: (why: unknown) => `t${seen.push(why)}` };
  await namedProvider("token", page)({ renew: true });
  assert.deepEqual(seen, [{ renew: true }]);
});

test("a name of no function is refused with what it names", () => {
  const page = { shop: { token: "abc" }, none: null };
  for (const [name, came] of [
    ["token", "nothing"],
    ["none.token", "nothing"],
    ["shop.token", "a string"],
    ["shop.token.x", "nothing"],
    ["", "nothing"],
  ] as const) {
    assert.throws(
      () => namedProvider(name, page),
      (error) =>
        error instanceof NoToken &&
        error.code === "no_token_provider" &&
        error.message.endsWith(`is ${came}`),
      name,
    );
  }
});

test("a provider returns a token, or null if nobody is signed in", async () => {
  const never = () => assert.fail();
  assert.equal(await checked(() => "t", never)(why), "t");
  assert.equal(await checked(async () => "t", never)(why), "t");
  assert.equal(await checked(() => "", never)(why), "");
  assert.equal(await checked(() => null, never)(why), "");
});

test("any other value is refused without showing it", async () => {
  for (const given of [undefined, 7331, { token: "geheim" }]) {
    const told: NoToken[] = [];
    const provider = checked(
      () => given as unknown as string,
      (problem) => told.push(problem),
    );
    await assert.rejects(provider(why), (error) => {
      assert.ok(error instanceof NoToken);
      assert.equal(error.code, "token_provider_failed");
      assert.doesNotMatch(error.message, /7331|geheim/);
      assert.deepEqual(told, [error]);
      return true;
    });
  }
});

test("an error of the provider is reported and kept as the cause", async () => {
  const cause = new Error("the shop is closed");
  const provider = checked(
    () => {
      throw cause;
    },
    () => {},
  );
  await assert.rejects(
    provider(why),
    (error) => error instanceof NoToken && error.cause === cause && /closed/.test(error.message),
  );
});

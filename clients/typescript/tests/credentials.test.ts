/** Tokens: renewed, refused, and always those of one user. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Credential } from "../src/credential/credential.ts";
import { client, greetedAsAnother, phase, server, started } from "./client_scene.ts";
import { mockTimeouts, pass, settled, tokenFor, USER } from "./fake_server.ts";

test("a credential is renewed before it ends, over the same connection", async () => {
  server.expiresAt = server.now + 100;
  const asked: boolean[] = [];
  await started({
    token: ({ renew }) => {
      asked.push(renew);
      return tokenFor(USER);
    },
  });
  await pass(74_000);
  assert.deepEqual(asked, [false]);
  await pass(3_000);
  assert.deepEqual(asked, [false, true]);
  const renewal = server.link.commands.find(({ command }) => command === "authenticate");
  assert.notEqual((renewal as { token: string }).token, server.link.token);
  assert.equal(server.links.length, 1);
});

test("a refused token is not used again: another one is asked for, once", async () => {
  let answers = 0;
  await started({
    token: () => {
      answers += 1;
      return tokenFor(USER);
    },
  });
  const refuse = async () => {
    const closing = { error: "token_expired", reason: "too old", reconnect: true };
    server.link.say("connection_closing", { code: 4401, ...closing });
    server.link.drop(4401);
    await settled();
  };
  server.greets = false;
  await refuse();
  assert.equal(answers, 2);
  assert.notEqual(server.links[1]?.token, server.links[0]?.token);
  await refuse();
  assert.deepEqual(client.status, {
    phase: "signed_out",
    code: "token_expired",
    reason: "too old",
  });
  await pass(60_000);
  assert.equal(server.links.length, 2);
});

test("a token that is refused while another call is under way is not given again", async () => {
  const asked: boolean[] = [];
  const gates: ((token: string) => void)[] = [];
  const credential = new Credential(
    ({ renew }) => {
      asked.push(renew);
      return new Promise((resolve) => gates.push(resolve));
    },
    () => {},
  );
  const plain = credential.get();
  const renewed = [credential.get("old"), credential.get("old")];
  gates[0]?.("old");
  assert.equal(await plain, "old");
  await settled();
  gates[1]?.("new");
  assert.deepEqual(await Promise.all(renewed), ["new", "new"]);
  assert.deepEqual(asked, [false, true]);
});

test('after "sign out everywhere" no other token is tried', async () => {
  await started();
  const closing = { error: "revoked", reason: "signed out", reconnect: false };
  server.link.say("connection_closing", { code: 4401, ...closing });
  server.link.drop(4401);
  await pass(60_000);
  assert.deepEqual(client.status, { phase: "signed_out", code: "revoked", reason: "signed out" });
  assert.equal(server.links.length, 1);
});

test("a token callback that has only the refused one means that nobody is signed in", async () => {
  const token = tokenFor(USER);
  await started({ token: () => token });
  server.link.drop(4401);
  await settled();
  assert.equal(phase(), "signed_out");
});

test("a sign-out is not explained by a refusal that is long over", async () => {
  let isSignedIn = true;
  await started({ token: () => (isSignedIn ? tokenFor(USER) : null) });
  server.link.say("connection_closing", { code: 4401, error: "bad_token", reason: "unknown key" });
  server.link.drop(4401);
  await pass(1_000);
  assert.equal(phase(), "live");
  isSignedIn = false;
  server.link.drop(1006);
  await pass(60_000);
  const reason = "Please sign in again.";
  assert.deepEqual(client.status, { phase: "signed_out", code: "signed_out", reason });
});

test("a token callback that fails is asked again later", async () => {
  let isDown = true;
  await started({
    token: async () => {
      if (isDown) throw new Error("the token service is away");
      return tokenFor(USER);
    },
  });
  assert.equal(phase(), "waiting");
  assert.match((client.status as { reason: string }).reason, /away/);
  isDown = false;
  await pass(1_000);
  assert.equal(phase(), "live");
});

test("a token callback that never returns is called again after a while", async () => {
  mockTimeouts();
  let calls = 0;
  await started({
    token: () => {
      calls += 1;
      return calls === 1 ? new Promise<string>(() => {}) : tokenFor(USER);
    },
  });
  await pass(29_000);
  assert.deepEqual([phase(), calls], ["connecting", 1]);
  await pass(1_000);
  assert.deepEqual([phase(), calls], ["waiting", 1]);
  await pass(1_000);
  assert.deepEqual([phase(), calls], ["live", 2]);
});

test("a client stays with its user", async () => {
  await started();
  await greetedAsAnother();
  assert.equal((client.status as { code: string }).code, "identity_change");
  assert.equal(client.user, null);
});

test("with a token of another user no connection is made", async () => {
  let user = USER;
  await started({ token: () => tokenFor(user) });
  user = "u-2";
  server.link.drop();
  await pass(30_000);
  const { phase: now, code } = client.status as never;
  assert.deepEqual([now, code, server.links.length], ["stopped", "identity_change", 1]);
});

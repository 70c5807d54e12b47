/** What a tab makes of a provider's answers, and of what happens in another tab that signs in there. */
import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { beforeEach, test } from "node:test";
import * as oidc from "../../src/chat/sign_in/oidc.ts";
import { Session } from "../../src/chat/sign_in/session.ts";

const ISSUER = "https://login.example";
const FACTS = {
  base: new URL("https://chat.example/"),
  dev: false,
  demo: false,
  console: false,
  embedding: [],
  oidc: { issuer: ISSUER, client_id: "chat", scope: "openid" },
};

/** A storage that remembers what was done to it, as other tabs are told of it. */
class TabStorage {
  readonly kept = new Map<string, string>();
  readonly told: { key: string; newValue: string | null }[] = [];

  get length() {
    return this.kept.size;
  }

  key(index: number) {
    return [...this.kept.keys()][index] ?? null;
  }

  getItem(key: string) {
    return this.kept.get(key) ?? null;
  }

  setItem(key: string, newValue: string) {
    this.kept.set(key, newValue);
    this.told.push({ key, newValue });
  }

  removeItem(key: string) {
    if (this.kept.delete(key)) this.told.push({ key, newValue: null });
  }
}

const page = new EventTarget();
setMaxListeners(100, page); // each session of a test is one more tab
const location = { search: "", hash: "", pathname: "/", href: "https://chat.example/" };
let lasting = new TabStorage();
let ofTab = new TabStorage();
let isProviderAway = false;

Object.defineProperties(globalThis, {
  localStorage: { get: () => lasting, configurable: true },
  sessionStorage: { get: () => ofTab, configurable: true },
});
Object.assign(globalThis, {
  addEventListener: page.addEventListener.bind(page),
  ...{ location, history: { replaceState() {} }, window: globalThis, parent: globalThis },
  fetch: async (url: URL | string) => {
    if (isProviderAway) throw new TypeError("no way there");
    return Response.json(String(url).includes("well-known") ? PROVIDER : TOKENS);
  },
});

const PROVIDER = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/a`,
  token_endpoint: `${ISSUER}/t`,
};
const CLAIMS = Buffer.from(
  JSON.stringify({ iss: ISSUER, aud: "chat", nonce: "n", name: "", email: "ada@x.example" }),
);
const ID_TOKEN = `e30.${CLAIMS.toString("base64url")}.x`;
const TOKENS = { access_token: "a.b.c", refresh_token: "r", id_token: ID_TOKEN };

/** Comes back from the provider with this, into the tab that is looked at. */
async function comeBackWith(query: string): Promise<Session> {
  const attempt = { state: "s", nonce: "n", verifier: "v", hash: "" };
  ofTab.setItem("threadcast.oidc_attempt", JSON.stringify(attempt));
  location.search = `?state=s&${query}`;
  const session = new Session(FACTS);
  await session.begin();
  return session;
}

/** Tells the first tab what was done to the storage that all tabs have. */
function tellTabs() {
  for (const change of lasting.told.splice(0)) {
    page.dispatchEvent(Object.assign(new Event("storage"), change, { storageArea: lasting }));
  }
}

async function signedInTab() {
  const session = await comeBackWith("code=1");
  assert.equal(session.now.value.phase, "in");
  lasting.told.splice(0);
  ofTab.setItem('threadcast.text."ada".', "half a letter");
  const storage = ofTab;
  ofTab = new TabStorage();
  return { session, storage };
}

beforeEach(() => {
  lasting = new TabStorage();
  ofTab = new TabStorage();
});

test("the display name is the provider's", async () => {
  const now = (await signedInTab()).session.now.value;
  assert.equal(now.phase === "in" && now.credential.name, "ada@x.example");
});

test("an unreachable provider is not reported as the server", async () => {
  isProviderAway = true;
  const { value } = (await comeBackWith("code=1")).now;
  isProviderAway = false;
  assert.deepEqual(value, { phase: "out", reason: "The sign-in provider cannot be reached." });
});

for (const error of ["login_required", "temporarily_unavailable"]) {
  test(`a silent sign-in that fails (${error}) leaves the other tabs alone`, async () => {
    const first = await signedInTab();
    const second = await comeBackWith(`error=${error}`);
    assert.equal(second.now.value.phase, "out");
    ofTab = first.storage;
    tellTabs();
    assert.equal(first.session.now.value.phase, "in");
    assert.equal(first.storage.getItem('threadcast.text."ada".'), "half a letter");
  });
}

test("whether to try silently again depends on the provider's answer", async () => {
  await signedInTab();
  await comeBackWith("error=temporarily_unavailable");
  assert.equal(oidc.wasSignedIn(), true);
  await comeBackWith("error=login_required");
  assert.equal(oidc.wasSignedIn(), false);
});

test("signing out in one tab signs out in all", async () => {
  const first = await signedInTab();
  const second = await comeBackWith("code=1");
  tellTabs();
  assert.equal(first.session.now.value.phase, "in");
  await second.signOut();
  ofTab = first.storage;
  tellTabs();
  const { now } = first.session;
  assert.deepEqual(now.value, { phase: "out", reason: "You signed out in another tab." });
  assert.equal(first.storage.length, 0);
  assert.equal(lasting.length, 0);
});

/**
 * Who is signed in. The token lives in this object only: never in a URL, a storage or a log.
 *
 * On a development server the page asks for tokens by name; only that name is kept. A new tab signs
 * in by the name that was given last in this browser. A tab that has signed in keeps its own, over
 * reloads too, so that nobody becomes another user by what is done in another tab. Signing out ends
 * all tabs.
 */

const NAME_KEY = "threadcast.development_name";
const TOKEN = /^[A-Za-z0-9_.-]{1,8192}$/;

export class SignedOut extends Error {}

export class Session {
  #token = null;
  #name = null;
  #renewal = null;

  /** @param base the URL that the server is mounted at, with a slash at its end */
  constructor({ base, dev }) {
    this.base = base;
    this.dev = dev;
  }

  get isSignedIn() {
    return this.#token !== null;
  }

  get isRenewable() {
    return this.#name !== null;
  }

  /** The name to sign in with without being asked; null when there is none. */
  get rememberedName() {
    const latest = this.dev ? localStorage.getItem(NAME_KEY) : null;
    return latest === null ? null : sessionStorage.getItem(NAME_KEY) ?? latest;
  }

  /** @throws {SignedOut} nobody is signed in */
  get token() {
    if (this.#token === null) throw new SignedOut("Nobody is signed in.");
    return this.#token;
  }

  async signInAs(name) {
    this.#begin(name, await this.#mint(name));
    localStorage.setItem(NAME_KEY, name);
  }

  /**
   * Sign in by the remembered name.
   *
   * @throws {SignedOut} the server does not take it, or somebody signed out meanwhile
   */
  async signInAgain() {
    const name = this.rememberedName;
    const token = await this.#mint(name);
    if (this.rememberedName !== name) throw new SignedOut("Please sign in again.");
    this.#begin(name, token);
  }

  /** @throws {SignedOut} the text cannot be a token */
  signInWith(text) {
    const token = text.trim().replace(/^Bearer\s+/i, "");
    if (!TOKEN.test(token)) throw new SignedOut("That does not look like a token (a JWT).");
    this.#token = token;
    this.#name = null;
  }

  /** Get a fresh token for the same user; calls that meet share one request. */
  renew() {
    const name = this.#name;
    if (name === null) return Promise.reject(new SignedOut("Please sign in again."));
    this.#renewal ??= this.#mint(name)
      .then((token) => { if (this.#name === name) this.#token = token; })
      .finally(() => { this.#renewal = null; });
    return this.#renewal;
  }

  /** Sign out here. */
  end() {
    this.#token = null;
    this.#name = null;
    sessionStorage.removeItem(NAME_KEY);
  }

  /** Sign out here, and on a development server in the other tabs of this browser. */
  endEverywhere() {
    this.end();
    localStorage.removeItem(NAME_KEY);
  }

  /** @param act called when another tab signed out everywhere */
  onEndedElsewhere(act) {
    addEventListener("storage", ({ key, newValue, storageArea }) => {
      if (!this.dev || storageArea !== localStorage || newValue !== null) return;
      if (key === NAME_KEY || key === null) act();
    });
  }

  #begin(name, token) {
    this.#token = token;
    this.#name = name;
    sessionStorage.setItem(NAME_KEY, name);
  }

  async #mint(name) {
    const response = await fetch(new URL("dev/token", this.base), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: name }),
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer.token;
    const problem = answer.detail ?? answer.title ?? `The server answered ${response.status}.`;
    throw response.status >= 500 ? new TypeError(problem) : new SignedOut(problem);
  }
}

/**
 * Who is signed in. The token lives in this object only: never in a URL, a storage or a log.
 *
 * On a development server the page asks for tokens by name; only that name outlives a reload.
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

  /** The name to sign in with again after a reload; null when there is none. */
  get rememberedName() {
    return this.dev ? sessionStorage.getItem(NAME_KEY) : null;
  }

  /** @throws {SignedOut} nobody is signed in */
  get token() {
    if (this.#token === null) throw new SignedOut("Nobody is signed in.");
    return this.#token;
  }

  async signInAs(name) {
    this.#token = await this.#mint(name);
    this.#name = name;
    sessionStorage.setItem(NAME_KEY, name);
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
    if (this.#name === null) return Promise.reject(new SignedOut("Please sign in again."));
    this.#renewal ??= this.#mint(this.#name)
      .then((token) => { this.#token = token; })
      .finally(() => { this.#renewal = null; });
    return this.#renewal;
  }

  /** @param forget also forget the name */
  end({ forget }) {
    this.#token = null;
    this.#name = null;
    if (forget) sessionStorage.removeItem(NAME_KEY);
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

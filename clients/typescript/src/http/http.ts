/** Requests to the HTTP API with the connection's credential. */
import type { Credential } from "../credential/credential.ts";
import { ThreadcastError } from "../error.ts";
import { ask } from "./ask.ts";

const BUSY_TRIES = 5;
const BUSY_WAIT_MAX_MS = 10_000;

export class Http {
  #base: URL;
  #credential: Credential;

  constructor(base: URL, credential: Credential) {
    this.#base = base;
    this.#credential = credential;
  }

  get<Answer>(path: string): Promise<Answer> {
    return this.request("GET", path);
  }

  /**
   * Make a request. A refused token is renewed once; a rate-limited request is retried.
   *
   * @param path relative to the base, with the query
   * @throws ThreadcastError
   */
  async request<Answer>(method: string, path: string, json?: object): Promise<Answer> {
    for (let tries = 1, renewals = 0; ; ) {
      const token = this.#credential.current || (await this.#credential.get());
      try {
        // A deletion that is sent while the page unloads must still reach the server.
        const keepalive = method === "DELETE";
        return await ask(new URL(path, this.#base), { method, json, token, keepalive });
      } catch (error) {
        if (!(error instanceof ThreadcastError)) throw error;
        const { status, code, retryAfterMs } = error;
        // After "sign out everywhere", a new token must not sign the user in again.
        if (status === 401 && code !== "revoked" && ++renewals === 1) await this.#another(token);
        else if (code === "rate_limited" && ++tries <= BUSY_TRIES) {
          const waitMs = (retryAfterMs || 1_000) * (1 + Math.random());
          await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, BUSY_WAIT_MAX_MS)));
        } else throw error;
      }
    }
  }

  /** Any token but this one; a concurrent request may have fetched it already. */
  #another(token: string): string | Promise<string> {
    const { current } = this.#credential;
    return current === token ? this.#credential.get(token) : current;
  }
}

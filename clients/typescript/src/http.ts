/** Requests to the HTTP API, with the credential of the connection. */
import type { Credential } from "./credential.ts";
import type { ThreadcastError } from "./error.ts";
import { ask } from "./request.ts";

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
   * Make a request; a refused token is renewed once, and one that came too early is repeated.
   *
   * @param path below the base, with its query
   * @throws ThreadcastError
   */
  async request<Answer>(method: string, path: string, json?: object): Promise<Answer> {
    for (let tries = 1, renewals = 0; ; ) {
      const token = this.#credential.current || (await this.#credential.get());
      try {
        // A page that is being left may still delete what it was going to.
        const keepalive = method === "DELETE";
        return await ask(new URL(path, this.#base), { method, json, token, keepalive });
      } catch (error) {
        const { status, code, retryAfterMs } = error as ThreadcastError;
        // Who was signed out everywhere stays so, though there may be another token.
        if (status === 401 && code !== "revoked" && ++renewals === 1) await this.#another(token);
        else if (code === "rate_limited" && ++tries <= BUSY_TRIES) {
          const waitMs = (retryAfterMs || 1_000) * (1 + Math.random());
          await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, BUSY_WAIT_MAX_MS)));
        } else throw error;
      }
    }
  }

  /** A token that is not this one; another request may have got it already. */
  #another(token: string): string | Promise<string> {
    const { current } = this.#credential;
    return current === token ? this.#credential.get(token) : current;
  }
}

/** Requests to the HTTP API, with the credential of the connection. */
import type { Credential } from "./credential.ts";
import { ThreadcastError, unreachable } from "./error.ts";
import type { Problem } from "./protocol.ts";

const BUSY_TRIES = 5;
const BUSY_WAIT_MAX_MS = 10_000;

export class Http {
  #base: URL;
  #credential: Pick<Credential, "current" | "get">;

  constructor(base: URL, credential: Pick<Credential, "current" | "get">) {
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
  async request<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    for (let tries = 1, renewals = 0; ; ) {
      const token = this.#credential.current || (await this.#credential.get());
      const response = await this.#send(method, path, body, token);
      const answer = await response.json().catch(() => null);
      if (response.ok) return answer;
      const problem = refusal(response.status, answer);
      const { status, code, retryAfterMs } = problem;
      // Who was signed out everywhere stays so, though there may be another token.
      if (status === 401 && code !== "revoked" && ++renewals === 1) await this.#another(token);
      else if (code === "rate_limited" && ++tries <= BUSY_TRIES) {
        const waitMs = (retryAfterMs || 1_000) * (1 + Math.random());
        await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, BUSY_WAIT_MAX_MS)));
      } else throw problem;
    }
  }

  /** A token that is not this one; another request may have got it already. */
  #another(token: string): string | Promise<string> {
    const { current } = this.#credential;
    return current === token ? this.#credential.get(token) : current;
  }

  async #send(method: string, path: string, body: object | undefined, token: string) {
    try {
      return await fetch(new URL(path, this.#base), {
        method,
        // A page that is being left may still delete what it was going to.
        keepalive: method === "DELETE",
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body && { "Content-Type": "application/json" }),
        },
        body: body ? JSON.stringify(body) : null,
      });
    } catch {
      throw unreachable();
    }
  }
}

/** What an answer that is not a success says. */
export const refusal = (status: number, problem: Problem | null): ThreadcastError =>
  new ThreadcastError(
    problem?.code ?? "internal",
    problem?.detail ?? `The server answered ${status}.`,
    problem ?? { status, retryable: status >= 500 },
  );

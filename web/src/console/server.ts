/**
 * Requests to the server, each with the operator's token. Knows no answer's meaning.
 *
 * Addresses are relative to the document, so that the console works under any prefix. What is refused
 * or not answered is a `ThreadcastError`.
 */
import { type Asked, ask } from "@threadcast/client/request";

/** One server, asked with one token. */
export class Server {
  readonly #token: string | null;

  constructor(token: string | null) {
    this.#token = token;
  }

  /** Read; parameters that are null are left out. `withinMs` is shorter than what `ask` waits. */
  get<Answer>(
    path: string,
    query: Record<string, string | number | null> = {},
    withinMs: number | null = null,
  ): Promise<Answer> {
    const given = Object.entries(query).filter(([, value]) => value !== null);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const limit = withinMs === null ? {} : { signal: AbortSignal.timeout(withinMs) };
    const address = given.length === 0 ? path : `${path}?${search}`;
    return this.#ask<Answer>(address, { method: "GET", ...limit });
  }

  /** Have something done. */
  post<Answer>(path: string, body: object): Promise<Answer> {
    return this.#ask<Answer>(path, { method: "POST", json: body });
  }

  #ask<Answer>(path: string, asked: Asked): Promise<Answer> {
    return ask<Answer>(path, {
      ...asked,
      token: this.#token,
      cache: "no-store",
      credentials: "omit",
    });
  }
}

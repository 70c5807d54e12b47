/**
 * Requests to the server with the operator's token; failures are a `ThreadcastError`.
 *
 * URLs are relative to the document, so that the console works under any prefix.
 */
import { type Asked, ask } from "@threadcast/client/request";

/** The server, seen with one token. */
export class Server {
  readonly #token: string | null;

  constructor(token: string | null) {
    this.#token = token;
  }

  /** GET; null parameters are left out. `withinMs` shortens the default timeout of `ask`. */
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

  /** POST a JSON body. */
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

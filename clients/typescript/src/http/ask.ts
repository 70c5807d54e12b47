/** One HTTP request with a JSON response. Knows nothing of connections, and renews no token. */
import { ThreadcastError, unreachable } from "../error.ts";
import { problemOf } from "./problem.ts";

const ANSWER_MAX_MS = 15_000;

export interface Asked extends RequestInit {
  readonly token?: string | null | undefined;
  /** The request body, sent as JSON. */
  readonly json?: object | undefined;
}

/**
 * Make a request and read its JSON response; times out after 15 s.
 *
 * @throws ThreadcastError the problem document of the response, or `unreachable`: there was none
 */
export async function ask<Answer>(
  url: URL | string,
  { token, json, ...init }: Asked = {},
): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, {
      signal: AbortSignal.timeout(ANSWER_MAX_MS),
      ...init,
      headers: {
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(json && { "Content-Type": "application/json" }),
      },
      body: json ? JSON.stringify(json) : (init.body ?? null),
    });
  } catch {
    throw unreachable();
  }
  if (response.ok) return response.json().catch(() => null);
  const problem = await problemOf(response);
  throw new ThreadcastError(problem.code, problem.detail, problem);
}

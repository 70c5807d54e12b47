/** What all ways of signing in have in common. A token lives in memory only. */
import { type Asked, ask, type ThreadcastError } from "@threadcast/client/request";

/** Nobody is signed in, or not any more; the message can be shown. */
export class SignedOut extends Error {}

/** The server or the provider cannot be reached for now; the message can be shown. */
export class Unreachable extends Error {}

/** Somebody who is signed in, for as long as the page or the token lives. */
export interface Credential {
  /**
   * A token for the server: a fresh one if `renew`. Who asks waits for the answer to the call before.
   *
   * It throws `SignedOut` when there will be none, and `Unreachable` when there is none for now.
   */
  readonly token: (why: { renew: boolean }) => Promise<string>;
  /** End it here and in what remembers it; resolves before the page may be left. */
  readonly end: (how: { everywhere: boolean }) => Promise<void>;
}

/**
 * POST, and read the JSON that answers it.
 *
 * @param why what to say of a refusal; by default what its answer says
 * @throws SignedOut it was refused
 * @throws Unreachable there is no answer for now
 */
export async function post(
  url: URL | string,
  asked: Asked,
  why = (error: ThreadcastError) => error.message,
): Promise<Record<string, unknown>> {
  try {
    return (await ask<Record<string, unknown> | null>(url, { ...asked, method: "POST" })) ?? {};
  } catch (problem) {
    const error = problem as ThreadcastError;
    const { status, message } = error;
    if (status === 0 || status === 429 || status >= 500) throw new Unreachable(message);
    throw new SignedOut(why(error));
  }
}

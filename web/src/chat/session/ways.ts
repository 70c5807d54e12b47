/** What all ways of signing in have in common. A token lives in memory only. */
import { type Asked, ask, type ThreadcastError } from "@threadcast/client/request";

/** Nobody is signed in, or not any more; the message can be shown. */
export class SignedOut extends Error {}

/** The server or the provider cannot be reached for now; the message can be shown. */
export class Unreachable extends Error {}

export const SERVER = "The server";
export const PROVIDER = "The sign-in provider";

/** Somebody who is signed in, for as long as the page or the token lives. */
export interface Credential {
  /** What to call the person on the screen, where the way in says it. */
  readonly name?: string | undefined;
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
 * Ask the server, or the provider.
 *
 * @throws Unreachable there is no answer for now
 * @throws SignedOut the answer is no
 */
export async function reach<Answer>(who: string, url: URL | string, asked: Asked): Promise<Answer> {
  try {
    return await ask<Answer>(url, asked);
  } catch (problem) {
    const { status, message } = problem as ThreadcastError;
    if (status === 0) throw new Unreachable(`${who} cannot be reached.`);
    if (status === 429 || status >= 500) throw new Unreachable(`${who} answered ${status}.`);
    throw new SignedOut(message);
  }
}

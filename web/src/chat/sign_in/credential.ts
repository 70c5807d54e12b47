/** What all ways of signing in share. Tokens are in memory only. */
import { type Asked, ask, ThreadcastError } from "@threadcast/client/request";

/** Nobody is signed in, or no longer; the message is for the person. */
export class SignedOut extends Error {}

/** The server or the provider is unreachable for now; the message is for the person. */
export class Unreachable extends Error {}

export const SERVER = "The server";
export const PROVIDER = "The sign-in provider";

/** A signed-in person, until the page is closed or the token expires. */
export interface Credential {
  /** The person's display name, if signing in gave one. */
  readonly name?: string | undefined;
  /**
   * A token for the server; a new one if `renew`. Not to be called while a call is pending.
   *
   * @throws SignedOut there will be none
   * @throws Unreachable there is none for now
   */
  readonly token: (why: { renew: boolean }) => Promise<string>;
  /** Forget it; `everywhere` signs out the other tabs and at the provider, too. */
  readonly end: (how: { everywhere: boolean }) => Promise<void>;
}

/**
 * Make a request to the server or the provider.
 *
 * @throws Unreachable there is no usable response for now
 * @throws SignedOut the request was refused
 */
export async function reach<Answer>(who: string, url: URL | string, asked: Asked): Promise<Answer> {
  try {
    return await ask<Answer>(url, asked);
  } catch (problem) {
    if (!(problem instanceof ThreadcastError)) throw problem;
    const { status, message } = problem;
    if (status === 0) throw new Unreachable(`${who} cannot be reached.`);
    if (status === 429 || status >= 500) throw new Unreachable(`${who} answered ${status}.`);
    throw new SignedOut(message);
  }
}

/** Fetches and holds the token, in memory only: never in a URL, a storage or a log. */

import { ThreadcastError, unreachable } from "../error.ts";
import { subjectOf } from "./claims.ts";

const ANSWER_MAX_MS = 30_000;

/**
 * Returns the signed-in user's token; null or an empty string if nobody is signed in.
 *
 * `renew` means that the last token was refused or is about to expire: return a new one. If it
 * throws, or has returned nothing after 30 s, it is called again later, and what the late call
 * returns is ignored.
 */
export type TokenProvider = (why: { renew: boolean }) => Given | Promise<Given>;
type Given = string | null;

export class Credential {
  /** The latest token; empty until there is one. */
  current = "";
  #provider: TokenProvider;
  #check: (subject: string | null) => void;
  #pending: Promise<string> | null = null;

  /** @param check called with each token's subject before its use; may throw to reject it */
  constructor(provider: TokenProvider, check: (subject: string | null) => void) {
    this.#provider = provider;
    this.#check = check;
  }

  /**
   * Get a token. Concurrent calls share one call of the provider.
   *
   * @param refused a token that must not be returned again
   * @throws ThreadcastError `signed_out`: there is no token, or no other one; `unreachable`: the
   *   provider did not return within 30 s
   */
  get(refused?: string): Promise<string> {
    // The pending call began before the refusal, so it may return the refused token.
    if (this.#pending && refused) {
      return this.#pending.then((token) => (token === refused ? this.get(refused) : token));
    }
    this.#pending ??= this.#ask(refused).finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  async #ask(refused?: string): Promise<string> {
    const given = this.#provider({ renew: refused !== undefined });
    const late = new Promise<never>((_, reject) => {
      AbortSignal.timeout(ANSWER_MAX_MS).onabort = () => reject(unreachable());
    });
    const token = await Promise.race([given, late]);
    if (!token || token === refused) {
      throw new ThreadcastError("signed_out", "Please sign in again.", { status: 401 });
    }
    this.#check(subjectOf(token));
    this.current = token;
    return token;
  }
}

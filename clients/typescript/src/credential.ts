/** Where tokens come from. They are held here only: never in a URL, a storage or a log. */
import { subjectOf } from "./claims.ts";
import { ThreadcastError } from "./error.ts";

/**
 * Gives a token of who is signed in; null or an empty text: nobody is.
 *
 * With `renew`, the one of before was refused or will soon end, and only another one helps. A failure
 * means that it should be asked for again later.
 */
export type TokenProvider = (why: { renew: boolean }) => Given | Promise<Given>;
type Given = string | null;

export class Credential {
  /** The latest token; empty before the first. */
  current = "";
  #provider: TokenProvider;
  #check: (subject: string | null) => void;
  #pending: Promise<string> | null = null;

  /** @param check told whom each token is for, before it is used; what it throws keeps it unused */
  constructor(provider: TokenProvider, check: (subject: string | null) => void) {
    this.#provider = provider;
    this.#check = check;
  }

  /**
   * Calls that meet share one answer.
   *
   * @param refused a token that must not be given again
   * @throws ThreadcastError `signed_out`: there is no other token
   */
  get(refused?: string): Promise<string> {
    // A call that began before the refusal may give the refused one.
    if (this.#pending && refused) {
      return this.#pending.then((token) => (token === refused ? this.get(refused) : token));
    }
    this.#pending ??= this.#ask(refused).finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  async #ask(refused?: string): Promise<string> {
    const token = await this.#provider({ renew: refused !== undefined });
    if (!token || token === refused) {
      throw new ThreadcastError("signed_out", "Please sign in again.", { status: 401 });
    }
    this.#check(subjectOf(token));
    this.current = token;
    return token;
  }
}

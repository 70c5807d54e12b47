/** Where tokens come from. They are held here only: never in a URL, a storage or a log. */
import { ThreadcastError } from "./error.ts";

/**
 * Gives the token to use now.
 *
 * With `renew`, the one of before was refused or will soon end, and only another one helps. An empty
 * text says that nobody is signed in; a failure, that it should be asked for again later.
 */
export type TokenCall = (why: { renew: boolean }) => string | Promise<string>;

/**
 * Whom a token is for, as it says itself; null where it does not say so. Who reads it has to have it
 * checked by the server.
 */
export function subjectOf(token: string): string | null {
  try {
    const [, body = ""] = token.split(".");
    const text = atob(body.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub;
  } catch {
    return null;
  }
}

export class Credential {
  /** The latest token; empty before the first. */
  current = "";
  #call: TokenCall;
  #check: (subject: string | null) => void;
  #pending: Promise<string> | null = null;

  /** @param check told whom each token is for, before it is used; what it throws keeps it unused */
  constructor(call: TokenCall, check: (subject: string | null) => void) {
    this.#call = call;
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
    this.#pending ??= (async () => this.#call({ renew: refused !== undefined }))()
      .then((token) => {
        if (!token || token === refused) {
          throw new ThreadcastError("signed_out", "Please sign in again.", { status: 401 });
        }
        this.#check(subjectOf(token));
        this.current = token;
        return token;
      })
      .finally(() => {
        this.#pending = null;
      });
    return this.#pending;
  }
}

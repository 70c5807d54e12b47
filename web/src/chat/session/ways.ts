/** What all ways of signing in have in common. A token lives in memory only. */

/** Nobody is signed in, or not any more; the message can be shown. */
export class SignedOut extends Error {}

/** The server or the provider cannot be reached for now; the message can be shown. */
export class Unreachable extends Error {}

const SERVER = "The server";
export const PROVIDER = "The sign-in provider";

/** Somebody who is signed in, for as long as the page or the token lives. */
export interface Credential {
  /** What to call the person on the screen, where the way in says it. */
  readonly name?: string | undefined;
  /**
   * A token for the server: a fresh one if `renew`.
   *
   * It throws `SignedOut` when there will be none, and `Unreachable` when there is none for now.
   */
  readonly token: (why: { renew: boolean }) => Promise<string>;
  /** End it here and in what remembers it; resolves before the page may be left. */
  readonly end: (how: { everywhere: boolean }) => Promise<void>;
}

/** One request at a time: calls that meet share its answer. */
export function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | null = null;
  return () => {
    underWay ??= work().finally(() => {
      underWay = null;
    });
    return underWay;
  };
}

/** POST JSON to the server or a form to the provider, and read the JSON that answers it; below 500 only, the rest is `Unreachable`. */
export async function post(url: URL | string, body: URLSearchParams | object) {
  const isForm = body instanceof URLSearchParams;
  const who = isForm ? PROVIDER : SERVER;
  const options: RequestInit = {
    method: "POST",
    headers: { "Content-Type": isForm ? "application/x-www-form-urlencoded" : "application/json" },
    body: isForm ? body : JSON.stringify(body),
    credentials: isForm ? "omit" : "same-origin",
  };
  const response = await reach(url, options, who);
  const { ok, status } = response;
  if (status >= 500 || status === 429) throw new Unreachable(`${who} answered ${status}.`);
  const answer: Record<string, unknown> = await response.json().catch(() => ({}));
  return { ok, status, answer };
}

/** `fetch`, which says no more than that it failed, and that in words of each browser's own. */
export async function reach(url: URL | string, options: RequestInit, who: string) {
  try {
    return await fetch(url, options);
  } catch {
    throw new Unreachable(`${who} cannot be reached.`);
  }
}

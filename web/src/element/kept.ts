/** What the element keeps in the browser, under the origin of the page around it. */
import { forgetUnsent, tabStorage } from "../chat/conversation/unsent_texts.ts";
import { Seen } from "../chat/threads/seen.ts";

/** Null where the page is not allowed any: then what waits to be sent does not outlive it. */
export function lastingStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

/** Take away what views keep of somebody who signs out: marks, and texts that were begun. */
export function forget(user: string) {
  if (lastingStorage() !== null) Seen.forget(user);
  forgetUnsent(tabStorage(), user);
}

/** The element's storage, which is the embedding origin's. */
import { forgetUnsent, tabStorage } from "../chat/conversation/unsent_texts.ts";
import { Seen } from "../chat/threads/seen.ts";

/** Null if the browser denies it: then unsent messages do not outlive the page. */
export function persistentStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

/** Remove what views store for a user: read marks and unsent texts. */
export function forget(user: string) {
  if (persistentStorage() !== null) Seen.forget(user);
  forgetUnsent(tabStorage(), user);
}

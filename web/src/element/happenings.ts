/** What the element tells the page around it: its events, and what each says. */
import type { Status } from "@threadcast/client";

export interface Happenings {
  /** The first time that all is there: who is signed in. */
  "threadcast-ready": { readonly user: string };
  /** How the connection is. */
  "threadcast-status": Status;
  /** Another conversation was opened; null while a new one is begun. */
  "threadcast-thread": { readonly threadId: string | null };
  /** A message was stored, or an answer is complete; on every screen of the user. */
  "threadcast-message": {
    readonly role: "user" | "assistant";
    readonly threadId: string;
    readonly runId: string;
    readonly content: string;
  };
  /**
   * Something is wrong. `code` is `bad_address`, `no_token_provider`, `token_provider_failed`, or a
   * row of the server's error table; after a `final` one the element waits for the page to act.
   */
  "threadcast-error": {
    readonly code: string;
    readonly message: string;
    readonly final: boolean;
  };
}

export type Tell = <Name extends keyof Happenings>(name: Name, detail: Happenings[Name]) => void;

/** Tells by events that bubble, and that leave shadow trees around the element, too. */
export function tellerOf(target: EventTarget): Tell {
  return (name, detail) => {
    target.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  };
}

type HappeningEvents = { [Name in keyof Happenings]: CustomEvent<Happenings[Name]> };

declare global {
  interface HTMLElementEventMap extends HappeningEvents {}
  interface DocumentEventMap extends HappeningEvents {}
}

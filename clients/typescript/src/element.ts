/**
 * The types of `<threadcast-chat>`, which the server brings: `import type {} from
 * "@threadcast/client/element"` makes its events and properties known. This module has no code.
 */
import type { TokenProvider } from "./credential.ts";
import type { Status } from "./model.ts";

export type { TokenProvider } from "./credential.ts";

export interface ThreadcastChatElement extends HTMLElement {
  /** Counts before the function that the attribute `token-provider` names. */
  tokenProvider: TokenProvider | null;
  /** The id of the open thread; null while a new conversation is begun. Set it to open another. */
  thread: string | null;
  /** What a new conversation offers to say. */
  suggestions: readonly string[];
  /**
   * Send a message into the open thread, or begin a conversation with it.
   *
   * @throws Error the element is not in a document, or it has no token provider
   */
  send(content: string): void;
  /** Forget who was signed in, with all that waits to be sent: call it when the person signs out. */
  signOut(): void;
}

/** What the element tells the page around it: its events, and what each has as `detail`. */
export interface ThreadcastChatEvents {
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

type Events = { [Name in keyof ThreadcastChatEvents]: CustomEvent<ThreadcastChatEvents[Name]> };

declare global {
  interface HTMLElementEventMap extends Events {}
  interface DocumentEventMap extends Events {}
  interface HTMLElementTagNameMap {
    "threadcast-chat": ThreadcastChatElement;
  }
}

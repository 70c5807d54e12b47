/**
 * The types of `<threadcast-chat>`, whose script the server serves: `import type {} from
 * "@threadcast/client/element"` declares its events and properties. This module has no code.
 */

import type { Status } from "./connection/status.ts";
import type { TokenProvider } from "./credential/credential.ts";

export type { TokenProvider } from "./credential/credential.ts";

export interface ThreadcastChatElement extends HTMLElement {
  /** Takes precedence over the function that the attribute `token-provider` names. */
  tokenProvider: TokenProvider | null;
  /** The id of the open thread; null for a new conversation. Set it to open another one. */
  thread: string | null;
  /** Messages that a new conversation offers to send. */
  suggestions: readonly string[];
  /**
   * Send a message to the open thread, or start a new conversation with it.
   *
   * @throws Error the element is not in a document, or has no token provider
   */
  send(content: string): void;
  /** Forget the user and everything that waits to be sent: call it when the person signs out. */
  signOut(): void;
}

/** The element's events, each with its `detail`. */
export interface ThreadcastChatEvents {
  /** Connected for the first time; the signed-in user. */
  "threadcast-ready": { readonly user: string };
  /** The connection's status changed. */
  "threadcast-status": Status;
  /** Another conversation was opened; null for a new one. */
  "threadcast-thread": { readonly threadId: string | null };
  /** A message was stored or an answer completed, on any of the user's devices. */
  "threadcast-message": {
    readonly role: "user" | "assistant";
    readonly threadId: string;
    readonly runId: string;
    readonly content: string;
  };
  /**
   * Something is wrong. `code` is `bad_address`, `no_token_provider`, `token_provider_failed`, or
   * one of the server's error codes. After a `final` one the element waits for the page to act.
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

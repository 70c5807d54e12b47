/** The state of the connection, as the client shows it. This module has no code. */

/**
 * What is wrong with a live connection: `unanswered` (the response to a ping is late), or why the
 * server cannot store anything (`unavailable`, `storage_full`, `unknown_outcome`).
 */
export interface Trouble {
  readonly code: string;
  readonly reason: string;
}

/**
 * The state of the connection. Times are milliseconds since the epoch; `code` is one of the server's
 * error codes, or empty, and `reason` is its message for people.
 */
export type Status =
  | { readonly phase: "connecting"; readonly attempt: number }
  /** `left` is how many events are still to come. */
  | { readonly phase: "catching_up"; readonly left: number }
  | {
      readonly phase: "live";
      readonly transport: "websocket" | "sse";
      readonly trouble?: Trouble;
    }
  | {
      readonly phase: "waiting";
      readonly untilMs: number;
      readonly code: string;
      readonly reason: string;
    }
  /** The device has no network; reconnects when it has one. */
  | { readonly phase: "offline"; readonly untilMs: number }
  /** Reconnecting would not help. */
  | { readonly phase: "stopped"; readonly code: string; readonly reason: string }
  | { readonly phase: "signed_out"; readonly code: string; readonly reason: string };

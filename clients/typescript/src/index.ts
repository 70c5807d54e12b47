/** The client for programs and pages. `chat.ts` adds the state that a user interface shows. */
export { Client, type ClientOptions, type Cursor, type SendOptions } from "./client.ts";
export type { TokenProvider } from "./credential.ts";
export { ThreadcastError } from "./error.ts";
export type { Told } from "./listeners.ts";
export type * from "./model.ts";
export type { Sent } from "./outbox.ts";
export { ownTransports } from "./own_transports.ts";
export type * as protocol from "./protocol.ts";
export type { ErrorCode, JournalEvent } from "./protocol.ts";
export { type Link, type Listener, type Transport, webSocket } from "./transport.ts";

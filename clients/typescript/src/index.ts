/** The client for programs and pages. `chat.ts` adds the state that a user interface shows. */
export { Client, type ClientOptions, type SendOptions } from "./client/client.ts";
export type { Cursor } from "./client/cursor.ts";
export type { Told } from "./client/listeners.ts";
export type { OutboxEntry, Sent } from "./client/outbox.ts";
export type { Status, Trouble } from "./connection/status.ts";
export type { TokenProvider } from "./credential/credential.ts";
export { ThreadcastError } from "./error.ts";
export type * as protocol from "./protocol.ts";
export type { ErrorCode, JournalEvent, RunStatus } from "./protocol.ts";
export type * from "./state/model.ts";
export { ownTransports } from "./transport/own_transports.ts";
export { type Link, type Listener, type Transport, webSocket } from "./transport/transport.ts";

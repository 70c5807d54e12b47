/** Threadcast for programs and pages: what other modules import. `chat.ts` adds what a page shows. */
export { Client, type ClientOptions, type Cursor, type SendOptions, type Told } from "./client.ts";
export type { TokenCall } from "./credential.ts";
export { ThreadcastError } from "./error.ts";
export { type Link, type Listener, type OpenLink, webSocket } from "./link.ts";
export type * from "./model.ts";
export type { Sent } from "./outbox.ts";
export type * as protocol from "./protocol.ts";
export type { ErrorCode, JournalEvent } from "./protocol.ts";

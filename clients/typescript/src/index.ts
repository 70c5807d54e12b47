/** Threadcast in the browser: what other modules import. */
export { Client, type ClientOptions, type SendOptions } from "./client.ts";
export type { TokenCall } from "./credential.ts";
export { ThreadcastError } from "./error.ts";
export { isActive, textOf } from "./history.ts";
export { webSocket } from "./link.ts";
export type * from "./model.ts";
export type { Sent } from "./outbox.ts";
export type * as protocol from "./protocol.ts";
export type { ErrorCode, JournalEvent } from "./protocol.ts";
export { applyEvent, applyEvents, emptyState, isRunning, titleOf } from "./state.ts";

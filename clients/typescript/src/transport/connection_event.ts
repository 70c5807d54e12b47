/** A connection event, made by the client on behalf of a server. */
import type { ConnectionEvent } from "../protocol.ts";

export const connectionEvent = (
  event_type: ConnectionEvent["event_type"],
  user_id: string | null,
  data: object,
): string => JSON.stringify({ event_type, timestamp: Date.now() / 1_000, user_id, data });

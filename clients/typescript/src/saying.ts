/** A connection event as a server says it, by who speaks for one. */
import type { ConnectionEvent } from "./protocol.ts";

export const saying = (
  event_type: ConnectionEvent["event_type"],
  user_id: string | null,
  data: object,
): string => JSON.stringify({ event_type, timestamp: Date.now() / 1_000, user_id, data });

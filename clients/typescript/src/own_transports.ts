/**
 * The transports of a page that has a connection of its own. They are apart from `transport.ts`
 * because the shared worker is one file: with this `import()` in it, of what it imports at once, a
 * bundler would wrap half of its modules.
 */
import { BLOCKED } from "./close_codes.ts";
import { type Link, type Transport, webSocket } from "./transport.ts";

/** Over Server-Sent Events, where WebSockets are blocked; its code is loaded only there. */
const streamWhereBlocked: Transport = (base, token, listener) => {
  /** Null when it was closed. */
  let link: Link | null | undefined;
  import("./event_stream.ts").then(
    ({ eventStream }) => {
      if (link !== null) link = eventStream(base, token, listener);
    },
    () => link === null || listener.onClose(BLOCKED),
  );
  return {
    transport: "sse",
    send: (command) => link?.send(command),
    close() {
      link?.close();
      link = null;
    },
  };
};

/** A connection of one's own: over a WebSocket, else an event stream. */
export const ownTransports: readonly Transport[] = [webSocket, streamWhereBlocked];

/**
 * The transports of a page that has a connection of its own. They are apart from `transport.ts`
 * because the shared worker is one file: with this `import()` in it, of what it imports at once, a
 * bundler would wrap half of its modules.
 */
import { BLOCKED } from "./close_codes.ts";
import { type Link, type Transport, webSocket } from "./transport.ts";

/** Over Server-Sent Events, where WebSockets are blocked; its code is loaded only there. */
const streamWhereBlocked: Transport = (base, token, listener) => {
  let link: Link | undefined;
  import("./event_stream.ts").then(
    ({ eventStream }) => {
      // Nothing is asked of the server before it is sent something.
      link = eventStream(base, token, listener);
    },
    () => listener.onClose(BLOCKED),
  );
  return { transport: "sse", send: (command) => link?.send(command), close: () => link?.close() };
};

/** A connection of one's own: over a WebSocket, else an event stream. */
export const ownTransports: readonly Transport[] = [webSocket, streamWhereBlocked];

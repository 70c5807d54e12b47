/**
 * The transports of a page with a connection of its own. Not in `transport.ts`, because the shared
 * worker imports that and is bundled into one file: a dynamic import of a module that is also
 * imported statically would make the bundler wrap half of its modules.
 */
import { BLOCKED } from "./close_codes.ts";
import { type Link, type Transport, webSocket } from "./transport.ts";

/** Server-Sent Events where WebSockets are blocked; the code is loaded on demand. */
const streamWhereBlocked: Transport = (base, token, listener) => {
  let link: Link | undefined;
  import("./event_stream.ts").then(
    ({ eventStream }) => {
      // Harmless after `close`: ports connect at the first command.
      link = eventStream(base, token, listener);
    },
    () => listener.onClose(BLOCKED),
  );
  return { transport: "sse", send: (command) => link?.send(command), close: () => link?.close() };
};

/** A WebSocket, with an event stream as the fallback. */
export const ownTransports: readonly Transport[] = [webSocket, streamWhereBlocked];

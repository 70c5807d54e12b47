/** The ways to a server. Each is one connection, and gives what it hears as it is said. */
import type { Command } from "./protocol.ts";

export interface Listener {
  /** One or more events, one per line; or nothing, when there was a sign of life. */
  onText(text: string): void;
  /** It ended, by this close code; 0 when this way is not open at all. Nothing follows. */
  onClose(code: number): void;
}

export interface Link {
  readonly kind: "websocket" | "sse";
  send(command: Command): void;
  /** End it; the listener hears nothing more. */
  close(): void;
}

/** Begin a connection to the server at `base` (with a slash at its end). */
export type OpenLink = (base: URL, token: string, listener: Listener) => Link;

/** Over a WebSocket. */
export const webSocket: OpenLink = (base, token, listener) => {
  const url = new URL("v1/ws", base);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, ["threadcast.v1.lines", `bearer.${token}`]);
  let wasOpen = false;
  socket.onmessage = ({ data }) => {
    wasOpen = true;
    listener.onText(data);
  };
  socket.onclose = ({ code }) => listener.onClose(wasOpen ? code : 0);
  return {
    kind: "websocket",
    send: (command) => socket.send(JSON.stringify(command)),
    close() {
      socket.onmessage = socket.onclose = null;
      socket.close(1000);
    },
  };
};

/** Over Server-Sent Events, where WebSockets are blocked; its code is loaded only there. */
export const streamWhereBlocked: OpenLink = (base, token, listener) => {
  /** Null when it was closed. */
  let link: Link | null | undefined;
  import("./event_stream.ts").then(
    ({ eventStream }) => {
      if (link !== null) link = eventStream(base, token, listener);
    },
    () => link === null || listener.onClose(0),
  );
  return {
    kind: "sse",
    send: (command) => link?.send(command),
    close() {
      link?.close();
      link = null;
    },
  };
};

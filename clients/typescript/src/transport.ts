/** The transports to a server. Each makes one connection, and gives what it hears as it is said. */
import { BLOCKED } from "./close_codes.ts";
import type { Command } from "./protocol.ts";

export interface Listener {
  /** One or more events, one per line; or nothing, when there was a sign of life. */
  onText(text: string): void;
  /** It ended, by this close code; 0 when this transport leads nowhere. Nothing follows. */
  onClose(code: number): void;
}

/** One connection. */
export interface Link {
  readonly transport: "websocket" | "sse";
  send(command: Command): void;
  /** End it; the listener hears nothing more. */
  close(): void;
}

/** Begin a connection to the server at `base` (with a slash at its end). */
export type Transport = (base: URL, token: string, listener: Listener) => Link;

/** Over a WebSocket. */
export const webSocket: Transport = (base, token, listener) => {
  const url = new URL("v1/ws", base);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, ["threadcast.v1.lines", `bearer.${token}`]);
  let wasOpen = false;
  socket.onmessage = ({ data }) => {
    wasOpen = true;
    listener.onText(data);
  };
  socket.onclose = ({ code }) => listener.onClose(wasOpen ? code : BLOCKED);
  return {
    transport: "websocket",
    send: (command) => socket.send(JSON.stringify(command)),
    close() {
      socket.onmessage = socket.onclose = null;
      socket.close(1000);
    },
  };
};

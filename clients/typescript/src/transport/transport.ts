/** What a transport is, and the WebSocket one. A transport passes text on and interprets nothing. */

import type { Command } from "../protocol.ts";
import { BLOCKED } from "./close_codes.ts";

export interface Listener {
  /** One or more events, one per line; empty for a heartbeat. */
  onText(text: string): void;
  /** The connection ended with this close code; `BLOCKED` if it never opened. Called once, last. */
  onClose(code: number): void;
}

/** One connection. */
export interface Link {
  readonly transport: "websocket" | "sse";
  send(command: Command): void;
  /** Close it; the listener is not called again. */
  close(): void;
}

/** Opens a connection to the server at `base`, which ends with a slash. */
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

/** The shared worker's script: connects a hub to the port of each page. */

import type { Command } from "./protocol.ts";
import { Bundle } from "./shared/bundle.ts";
import { Hub, type Page } from "./shared/hub.ts";
import { eventStream } from "./transport/event_stream.ts";
import { webSocket } from "./transport/transport.ts";

interface Hello {
  readonly base: string;
  readonly token: string;
  /** The Web Lock that the page holds for as long as it lives. */
  readonly lock: string;
}

const hub = new Hub([webSocket, eventStream]);

addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0] as MessagePort;
  const bundle = new Bundle((text) => port.postMessage(text));
  const post = (message: unknown) => {
    bundle.flush();
    port.postMessage(message);
  };
  const page: Page = {
    say: (text) => bundle.say(text),
    end: post,
    transport: (transport) => post({ transport }),
  };
  port.onmessage = ({ data }: MessageEvent<Hello | Command>) => {
    if ("command" in data) {
      hub.ask(page, data);
      return;
    }
    hub.join(page, new URL(data.base), data.token);
    navigator.locks.request(data.lock, () => {
      hub.leave(page);
      port.close();
    });
  };
});

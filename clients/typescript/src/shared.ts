/** The transport over the connection that all pages of an origin share; see `hub.ts`. */
import { subjectOf } from "./credential/claims.ts";
import { BLOCKED } from "./transport/close_codes.ts";
import type { Link, Transport } from "./transport/transport.ts";

declare global {
  var trustedTypes:
    | undefined
    | { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
}

let policy: ReturnType<NonNullable<typeof trustedTypes>["createPolicy"]> | undefined;

/** Under Trusted Types, the page's policy has to allow `threadcast`. */
function trusted(url: string): string {
  policy ??= globalThis.trustedTypes?.createPolicy("threadcast", {
    createScriptURL: (one: string) => one,
  });
  return policy?.createScriptURL(url) ?? url;
}

/**
 * There is one worker per user, so that two users in two pages share nothing. Each page holds a Web
 * Lock; the worker notices that a page is gone when the lock is released.
 *
 * @param script the URL of the shared worker's script, of the page's own origin
 */
export const sharedBy =
  (script: string | URL): Transport =>
  (base, token, listener) => {
    let letGo: (() => void) | undefined;
    let isClosed = false;
    let port: MessagePort | undefined;
    const link: { -readonly [Key in keyof Link]: Link[Key] } = {
      transport: "websocket",
      send: (command) => port?.postMessage(command),
      close() {
        isClosed = true;
        letGo?.();
        port?.close();
      },
    };
    try {
      const name = `threadcast ${JSON.stringify([base, subjectOf(token)])}`;
      const worker = new SharedWorker(trusted(`${script}`), { type: "module", name });
      port = worker.port;
      worker.onerror = () => listener.onClose(BLOCKED);
      port.onmessage = ({ data }) => {
        if (data.transport) link.transport = data.transport;
        else if (typeof data === "number") listener.onClose(data);
        else listener.onText(data);
      };
      const lock = `threadcast ${crypto.randomUUID()}`;
      navigator.locks.request(lock, () => {
        if (isClosed) return;
        port?.postMessage({ base: `${base}`, token, lock });
        return new Promise<void>((resolve) => {
          letGo = resolve;
        });
      });
    } catch {
      queueMicrotask(() => listener.onClose(BLOCKED));
    }
    return link;
  };

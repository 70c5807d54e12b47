/** The transport over the connection that all pages of this origin share; see `hub.ts`. */
import { subjectOf } from "./claims.ts";
import { BLOCKED } from "./close_codes.ts";
import type { Link, Transport } from "./transport.ts";

declare global {
  var trustedTypes:
    | undefined
    | { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
}

let policy: ReturnType<NonNullable<typeof trustedTypes>["createPolicy"]> | undefined;

/** Where pages may load only what they trust, a policy named `threadcast` has to be allowed. */
function trusted(url: string): string {
  policy ??= globalThis.trustedTypes?.createPolicy("threadcast", {
    createScriptURL: (one: string) => one,
  });
  return policy?.createScriptURL(url) ?? url;
}

/**
 * @param script the address of the shared worker's script, of this origin
 *
 * There is one worker for each user, so that two users in two pages share nothing. A page that is
 * gone is noticed by its lock, which its end lets go.
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

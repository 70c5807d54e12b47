/** Tokens from elsewhere: typed in by the person, or posted by the embedding page. */
import { type Credential, SignedOut, Unreachable } from "./credential.ts";

const TOKEN = /^[A-Za-z0-9_.-]{1,8192}$/;
const ANSWER_MAX_MS = 10_000;

/**
 * A token that the person typed in, which cannot be renewed.
 *
 * @throws SignedOut it is not a JWT
 */
export function typedToken(text: string): Credential {
  const token = text.trim().replace(/^Bearer\s+/i, "");
  if (!TOKEN.test(token)) throw new SignedOut("This does not look like a token (a JWT).");
  return {
    async token({ renew }) {
      if (renew) throw new SignedOut("Your token has expired. Please sign in again.");
      return token;
    },
    async end() {},
  };
}

/** Whether this page is in a frame. */
export function isFramed(): boolean {
  return window.parent !== window;
}

/**
 * Tokens from the page that shows this one in a frame.
 *
 * This page posts `{ type: "threadcast-token-wanted", id, renew }`; the parent answers with
 * `{ type: "threadcast-token", id, token }`, where `token` is null if nobody is signed in. Messages
 * go only to `origins`, and only answers from the parent window and one of them are accepted.
 */
export function handedToken(origins: readonly string[]): Credential {
  let current: string | null = null;
  let count = 0;
  return {
    async token({ renew }) {
      if (renew || current === null) {
        count += 1;
        current = await askParent(origins, count, current !== null);
      }
      if (current === null) throw new SignedOut("The page that embeds this one gave no token.");
      return current;
    },
    async end() {
      current = null;
    },
  };
}

function askParent(origins: readonly string[], id: number, renew: boolean): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      removeEventListener("message", hear);
      reject(new Unreachable("The page that embeds this one did not respond."));
    }, ANSWER_MAX_MS);
    function hear({ source, origin, data }: MessageEvent) {
      if (source !== window.parent || !origins.includes(origin)) return;
      if (data?.type !== "threadcast-token" || data.id !== id) return;
      clearTimeout(timer);
      removeEventListener("message", hear);
      resolve(typeof data.token === "string" && TOKEN.test(data.token) ? data.token : null);
    }
    addEventListener("message", hear);
    for (const origin of asked(origins)) {
      window.parent.postMessage({ type: "threadcast-token-wanted", id, renew }, origin);
    }
  });
}

/** The parent's origin if the browser tells it; the browser logs an error for any other one. */
function asked(origins: readonly string[]): readonly string[] {
  const parent = location.ancestorOrigins?.[0];
  return parent === undefined ? origins : origins.filter((origin) => origin === parent);
}

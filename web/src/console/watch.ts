/** Polls that are tied to the page's visibility. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { access, signOut } from "./access.ts";
import { Poll, type Standing, type Surroundings } from "./poll.ts";
import type { Server } from "./server.ts";

const browser: Surroundings = {
  now: () => performance.now(),
  later(work, ms) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

/** Poll until the returned function is called; `told` is called on every change. */
export function watch<Answer>(
  ask: (before: Answer | null) => Promise<Answer>,
  everyMs: number,
  told: (standing: Standing<Answer>) => void,
): () => void {
  const poll = new Poll(ask, everyMs, browser);
  const unsubscribe = poll.standing.subscribe((standing) => {
    if (standing.problem?.status === 401) signOut(standing.problem.message);
    else told(standing);
  });
  const look = () => (document.hidden ? poll.pause() : poll.start());
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    unsubscribe();
    poll.end();
  };
}

const NOTHING: Standing<never> = { answer: null, answeredAt: null, problem: null, isPaused: false };

/**
 * Polls the server while the view is mounted. `key` identifies the request: when it changes, the
 * previous answer is dropped.
 */
export function useAnswer<Answer>(
  key: string,
  everyMs: number,
  ask: (server: Server, before: Answer | null) => Promise<Answer>,
): Standing<Answer> {
  const standing = useSignal<Standing<Answer>>(NOTHING);
  const server = access.value?.server;
  useEffect(() => {
    standing.value = NOTHING;
    if (server === undefined || key === "") return;
    return watch<Answer>(
      (before) => ask(server, before),
      everyMs,
      (now) => {
        standing.value = now;
      },
    );
  }, [server, key, everyMs]);
  return standing.value;
}

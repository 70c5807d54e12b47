/** Polls that are tied to the page's visibility. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { access, signOut } from "./access.ts";
import { Poll, type PollState, type Scheduler } from "./poll.ts";
import type { Server } from "./server.ts";

const browser: Scheduler = {
  now: () => performance.now(),
  later(work, ms) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

/** Poll until the returned function is called; `onChange` is called on every change. */
export function watch<Answer>(
  ask: (before: Answer | null) => Promise<Answer>,
  everyMs: number,
  onChange: (state: PollState<Answer>) => void,
): () => void {
  const poll = new Poll(ask, everyMs, browser);
  const unsubscribe = poll.state.subscribe((state) => {
    if (state.problem?.status === 401) signOut(state.problem.message);
    else onChange(state);
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

const NOTHING: PollState<never> = {
  answer: null,
  answeredAt: null,
  problem: null,
  isPaused: false,
};

/**
 * Polls the server while the view is mounted. `key` identifies the request: when it changes, the
 * previous answer is dropped.
 */
export function useAnswer<Answer>(
  key: string,
  everyMs: number,
  ask: (server: Server, before: Answer | null) => Promise<Answer>,
): PollState<Answer> {
  const state = useSignal<PollState<Answer>>(NOTHING);
  const server = access.value?.server;
  useEffect(() => {
    state.value = NOTHING;
    if (server === undefined || key === "") return;
    return watch<Answer>(
      (before) => ask(server, before),
      everyMs,
      (now) => {
        state.value = now;
      },
    );
  }, [server, key, everyMs]);
  return state.value;
}

/** The open conversation: its messages and answers, and the message box. */
import { useSignal } from "@preact/signals";
import type { OutboxEntry, ThreadView } from "@threadcast/client";
import { isRunning } from "@threadcast/client/chat";
import { useCallback, useMemo, useRef, useState } from "preact/hooks";
import { isTouched } from "../../design/touch.ts";
import { type ChatModel, isGone } from "../model.ts";
import { Composer, type Offer } from "./composer.tsx";
import { pendingOf } from "./items.ts";
import { Messages } from "./messages.tsx";

interface Props {
  model: ChatModel;
  /** Null for a new conversation. */
  threadId: string | null;
  /** Which agent answers; by default the server's first one. */
  agent?: string | undefined;
}

export function Conversation({ model, threadId, agent }: Props) {
  const nextFocus = useSignal<string | null>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const [offered, offer] = useState<Offer | null>(null);
  const [sendings, setSendings] = useState(0);
  const state = model.state.value;
  const outbox = model.outbox.value;
  const draft = model.draft.value;
  const thread = threadId === null ? null : (state.threads.get(threadId) ?? null);
  const history = thread?.history ?? null;
  const pending = useMemo(
    () => pendingOf(outbox, { threadId, draft, history }),
    [outbox, threadId, draft, history],
  );
  // A new conversation that has become a thread keeps its key, so that nothing is mounted again.
  const hasBegun = threadId !== null && model.client.threadOf(draft) === threadId;

  // Stable callbacks, so that memoized views stay as they are.
  const send = useCallback(
    (content: string) => {
      model.send(content, agent === undefined ? {} : { agent });
      setSendings((count) => count + 1);
      // The button or editor that sent it goes away, and would take the focus along.
      if (!isTouched()) box.current?.focus();
    },
    [model, agent],
  );

  const stop = useCallback(() => {
    if (threadId !== null) model.stop(threadId);
  }, [model, threadId]);
  const leave = useCallback(() => {
    const { history } = model.state.peek().threads.get(threadId ?? "") ?? {};
    nextFocus.value = history?.order.at(-1) ?? null;
  }, [model, threadId, nextFocus]);

  return (
    <div class="conversation">
      <Messages
        key={hasBegun ? draft : (threadId ?? draft)}
        model={model}
        threadId={threadId}
        history={history}
        pending={pending}
        nextFocus={nextFocus}
        box={box}
        sendings={sendings}
        onSend={send}
        onSuggest={(text) => offer({ text })}
      />
      {!(threadId !== null && isGone(model.failure.value)) && (
        <Composer
          box={box}
          user={model.user.value ?? ""}
          threadId={threadId}
          hasBegun={hasBegun}
          offered={offered}
          canStop={thread !== null && isRunning(thread)}
          isStopping={isStopping(thread, outbox)}
          onSend={send}
          onLeave={leave}
          onStop={stop}
        />
      )}
    </div>
  );
}

/** Whether every active run is being cancelled. */
function isStopping(thread: ThreadView | null, outbox: readonly OutboxEntry[]): boolean {
  const active = Object.keys(thread?.active ?? {});
  const cancelled = new Set(
    outbox.flatMap(({ kind, runId }) => (kind === "cancel" ? [runId] : [])),
  );
  return active.length > 0 && active.every((id) => cancelled.has(id));
}

/** The scrolling part of a conversation, with its keyboard shortcuts and announcements. */

import type { Signal } from "@preact/signals";
import type { History, OutboxEntry } from "@threadcast/client";
import { emptyHistory } from "@threadcast/client/chat";
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { Icon } from "../../design/icons.tsx";
import { type ChatModel, isGone } from "../model.ts";
import { Announcer } from "./announcer.ts";
import { Follower } from "./follower.ts";
import { LoadFailed, Loading, Missing, NewConversation } from "./placeholders.tsx";
import { Runs } from "./runs.tsx";
import { useMessageKeys } from "./use_message_keys.ts";

/** How many of the latest runs may have something to announce. */
const TOLD_RUNS = 20;

interface Props {
  model: ChatModel;
  threadId: string | null;
  history: History | null;
  pending: readonly OutboxEntry[];
  /** The key of the item to render and focus next. */
  nextFocus: Signal<string | null>;
  /** The message box, to which Escape returns. */
  box: RefObject<HTMLTextAreaElement | null>;
  /** How many messages were sent here; each one scrolls to the bottom. */
  sendings: number;
  onSend: (content: string) => void;
  onSuggest: (text: string) => void;
}

const UNREAD = emptyHistory(0);

export function Messages(props: Props) {
  const { model, threadId, history, pending, nextFocus, box, sendings } = props;
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  const follower = useMemo(() => (scroller === null ? null : new Follower(scroller)), [scroller]);
  const keys = { scroller, follower, history: history ?? UNREAD, nextFocus, box, model };
  const press = useMessageKeys(keys);
  useFollowing(scroller, follower, sendings);
  const words = useAnnouncements(history);
  const placeholder = placeholderFor(props);
  return (
    <>
      <section
        class="scroller"
        ref={setScroller}
        aria-label="Conversation"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        tabIndex={0}
        onKeyDown={press}
      >
        {placeholder ?? (
          <div class="runs" role="feed" aria-label="Messages" aria-busy={history === null}>
            {history?.hasEarlier && <Earlier model={model} />}
            {scroller !== null && follower !== null && (
              <Runs
                scroller={scroller}
                follower={follower}
                model={model}
                history={history ?? UNREAD}
                pending={pending}
                outbox={model.outbox.value}
                nextFocus={nextFocus}
                isOffline={isOffline(model)}
                onSend={props.onSend}
              />
            )}
          </div>
        )}
      </section>
      {follower !== null && <Jump follower={follower} scroller={scroller} key={threadId} />}
      <p class="sr-only" aria-live="polite" data-announcements>
        {words}
      </p>
    </>
  );
}

function placeholderFor({
  model,
  threadId,
  history,
  pending,
  onSuggest,
}: Props): ComponentChildren {
  const failure = threadId === null ? null : model.failure.value;
  if (isGone(failure)) return <Missing model={model} />;
  if (history !== null || pending.length > 0) return null;
  if (failure === "failed") return <LoadFailed model={model} />;
  if (threadId !== null) return <Loading />;
  return <NewConversation suggestions={model.suggestions} onSuggest={onSuggest} />;
}

function isOffline(model: ChatModel): boolean {
  const { phase } = model.status.value;
  return phase !== "live" && phase !== "catching_up";
}

function Earlier({ model }: { model: ChatModel }) {
  return (
    <button type="button" class="button quiet small earlier" onClick={() => model.readEarlier()}>
      Show earlier messages
    </button>
  );
}

function Jump({ follower, scroller }: { follower: Follower; scroller: HTMLElement | null }) {
  const jump = () => {
    follower.follow();
    scroller?.focus({ preventScroll: true });
  };
  return (
    <div class="jump-place">
      {follower.isAway.value && (
        <button type="button" class="button small jump" onClick={jump}>
          <Icon name="down" />
          Jump to latest
        </button>
      )}
    </div>
  );
}

/** Tells the follower of scrolling, resizing and sent messages. */
function useFollowing(scroller: HTMLElement | null, follower: Follower | null, sendings: number) {
  useLayoutEffect(() => {
    if (scroller === null || follower === null) return;
    const scrolled = () => follower.scrolled();
    scroller.addEventListener("scroll", scrolled, { passive: true });
    const sizes = new ResizeObserver(() => follower.keep());
    sizes.observe(scroller);
    return () => {
      scroller.removeEventListener("scroll", scrolled);
      sizes.disconnect();
    };
  }, [scroller, follower]);
  useLayoutEffect(() => {
    if (sendings > 0) follower?.follow();
  }, [follower, sendings]);
}

function useAnnouncements(history: History | null): string {
  const announcer = useMemo(() => new Announcer(), []);
  useEffect(() => () => announcer.hush(), [announcer]);
  useEffect(() => {
    // What was deleted is not kept for screen readers.
    if (history === null) announcer.hush();
    for (const id of history?.order.slice(-TOLD_RUNS) ?? []) {
      const run = history?.runs.get(id);
      if (run !== undefined) announcer.tell(run);
    }
  }, [announcer, history]);
  return announcer.words.value;
}

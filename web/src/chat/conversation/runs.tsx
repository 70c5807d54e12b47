/** The virtualized list of a conversation's runs and pending messages. */

import type { Signal } from "@preact/signals";
import type { History, OutboxEntry } from "@threadcast/client";
import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { useWindow } from "../long_list/use_window.ts";
import type { ChatModel } from "../model.ts";
import { EntryView } from "./entry.tsx";
import { type Follower, findItem, keyOf } from "./follower.ts";
import { entriesOf, heightOf } from "./items.ts";
import { RunArticle } from "./run.tsx";

/** Earlier messages are read within this distance of the top. */
const EARLIER_WITHIN_PX = 1_200;

interface Props {
  scroller: HTMLElement;
  follower: Follower;
  model: ChatModel;
  history: History;
  pending: readonly OutboxEntry[];
  outbox: readonly OutboxEntry[];
  isOffline: boolean;
  /** The key of the item to render and focus next. */
  nextFocus: Signal<string | null>;
  onSend: (content: string) => void;
}

export function Runs(props: Props) {
  const { scroller, follower, model, history, pending, outbox, isOffline, nextFocus } = props;
  const { order, runs } = history;
  const keys = useMemo(() => [...order, ...pending.map(({ key }) => key)], [order, pending]);
  const { parts, rest, measure } = useWindow(scroller, {
    keys,
    heightOf: (index) => heightOf(runs.get(order[index] ?? "")),
    top: (startOf) => follower.topIn(startOf),
    pinned: () => [nextFocus.peek(), ...usedKeys(scroller)].filter((key) => key !== null),
    onResize: () => follower.keep(),
  });
  // Subscribes to `nextFocus`, which `pinned` only peeks at.
  void nextFocus.value;
  useScrollPosition(props);
  useEarlier(props);
  const follow = useCallback(() => follower.follow(), [follower]);
  const lastId = order.at(-1);

  function item(key: string): ComponentChildren {
    const run = runs.get(key);
    if (run === undefined) {
      const entry = pending.find((one) => one.key === key);
      return (
        entry && (
          <EntryView entry={entry} isOffline={isOffline} model={model} onSend={props.onSend} />
        )
      );
    }
    return (
      <RunArticle
        run={run}
        entries={entriesOf(outbox, key)}
        isLast={key === lastId && pending.length === 0}
        isOffline={isOffline}
        model={model}
        onSend={props.onSend}
        onAnswered={follow}
      />
    );
  }

  return (
    <>
      {parts.map(({ index, gap }) => {
        const key = keys[index] ?? "";
        return (
          <div
            key={key}
            ref={measure}
            class="item"
            data-key={key}
            style={gap > 0 ? { marginTop: `${gap}px` } : undefined}
          >
            {item(key)}
          </div>
        );
      })}
      <div style={{ height: `${rest}px` }} />
    </>
  );
}

/** After each render, before painting: restore the scroll position and move the focus if asked to. */
function useScrollPosition({ scroller, follower, nextFocus }: Props) {
  useLayoutEffect(() => {
    follower.keep();
    const key = nextFocus.peek();
    const item = key === null ? null : findItem(scroller, key);
    if (item === null) return;
    nextFocus.value = null;
    goTo(item, { scroller, follower });
  });
}

/** Reads earlier messages when scrolled near the top, one page at a time. */
function useEarlier({ scroller, model, history, follower }: Props) {
  const asked = useRef<string | undefined>(undefined);
  const [first] = history.order;
  useEffect(() => {
    if (!history.hasEarlier) return;
    const read = () => {
      const isNear = scroller.scrollTop < EARLIER_WITHIN_PX && !follower.isFollowing;
      if (!isNear || asked.current === first) return;
      asked.current = first;
      model.readEarlier();
    };
    read();
    scroller.addEventListener("scroll", read, { passive: true });
    return () => scroller.removeEventListener("scroll", read);
  }, [scroller, model, follower, first, history.hasEarlier]);
}

/** Focus an item and scroll it into view; an item higher than the viewport, to its beginning. */
function goTo(item: HTMLElement, { scroller, follower }: Pick<Props, "scroller" | "follower">) {
  item.querySelector<HTMLElement>("article")?.focus({ preventScroll: true });
  item.scrollIntoView({ block: item.offsetHeight > scroller.clientHeight ? "start" : "nearest" });
  follower.hold(item);
}

/** The items that hold the focus or an end of the selection, which unmounting would lose. */
function usedKeys(scroller: HTMLElement): (string | null)[] {
  const root = scroller.getRootNode();
  if (!(root instanceof Document || root instanceof ShadowRoot)) return [];
  const selection = scroller.ownerDocument.getSelection();
  const nodes = [root.activeElement, selection?.anchorNode, selection?.focusNode];
  return nodes.map((node) => (node && scroller.contains(node) ? keyOf(node) : null));
}

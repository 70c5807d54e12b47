/** The virtualized list of a conversation's runs and pending messages. */

import type { Signal } from "@preact/signals";
import type { History, OutboxEntry } from "@threadcast/client";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { useWindow } from "../long_list/use_window.ts";
import type { ChatModel } from "../model.ts";
import { EntryView } from "./entry.tsx";
import { type Follower, findItem, keyOf } from "./follower.ts";
import { entriesOf, heightOf } from "./items.ts";
import { RunArticle } from "./run.tsx";

/** Earlier messages are read within this distance of the top. */
const EARLIER_WITHIN_PX = 1_200;

interface Props {
  place: HTMLElement;
  follower: Follower;
  model: ChatModel;
  history: History;
  pending: readonly OutboxEntry[];
  outbox: readonly OutboxEntry[];
  isOffline: boolean;
  /** The key of the item to render and focus next. */
  wanted: Signal<string | null>;
  onSend: (content: string) => void;
}

export function Runs(props: Props) {
  const { place, follower, model, history, pending, outbox, isOffline, wanted } = props;
  const { order, runs } = history;
  const keys = useMemo(() => [...order, ...pending.map(({ key }) => key)], [order, pending]);
  const { parts, rest, measure } = useWindow(place, {
    keys,
    heightOf: (index) => heightOf(runs.get(order[index] ?? "")),
    top: (startOf) => follower.topIn(startOf),
    pinned: () => [wanted.peek(), ...usedKeys(place)].filter((key) => key !== null),
    onResize: () => follower.keep(),
  });
  // Subscribes to `wanted`, which `pinned` only peeks at.
  void wanted.value;
  useStayInPlace(props);
  useEarlier(props);
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

/** After each render, before painting: restore the scroll position and focus the wanted item. */
function useStayInPlace({ place, follower, wanted }: Props) {
  useLayoutEffect(() => {
    follower.keep();
    const key = wanted.peek();
    const item = key === null ? null : findItem(place, key);
    if (item === null) return;
    wanted.value = null;
    goTo(item, { place, follower });
  });
}

/** Reads earlier messages when scrolled near the top, one page at a time. */
function useEarlier({ place, model, history, follower }: Props) {
  const asked = useRef<string | undefined>(undefined);
  const [first] = history.order;
  useEffect(() => {
    if (!history.hasEarlier) return;
    const read = () => {
      const isNear = place.scrollTop < EARLIER_WITHIN_PX && !follower.isFollowing;
      if (!isNear || asked.current === first) return;
      asked.current = first;
      model.readEarlier();
    };
    read();
    place.addEventListener("scroll", read, { passive: true });
    return () => place.removeEventListener("scroll", read);
  }, [place, model, follower, first, history.hasEarlier]);
}

/** Focus an item and scroll it into view; an item higher than the viewport, to its beginning. */
function goTo(item: HTMLElement, { place, follower }: Pick<Props, "place" | "follower">) {
  item.querySelector<HTMLElement>("article")?.focus({ preventScroll: true });
  item.scrollIntoView({ block: item.offsetHeight > place.clientHeight ? "start" : "nearest" });
  follower.hold(item);
}

/** The items that hold the focus or an end of the selection, which unmounting would lose. */
function usedKeys(place: HTMLElement): (string | null)[] {
  const root = place.getRootNode();
  if (!(root instanceof Document || root instanceof ShadowRoot)) return [];
  const selection = place.ownerDocument.getSelection();
  const nodes = [root.activeElement, selection?.anchorNode, selection?.focusNode];
  return nodes.map((node) => (node && place.contains(node) ? keyOf(node) : null));
}

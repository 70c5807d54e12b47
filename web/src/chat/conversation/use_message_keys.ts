/** Keyboard shortcuts to move between messages and to act on the focused one. */
import type { Signal } from "@preact/signals";
import type { History } from "@threadcast/client";
import { textOf } from "@threadcast/client/chat";
import type { RefObject } from "preact";
import type { ChatModel } from "../model.ts";
import { writeClipboard } from "./copy_button.tsx";
import type { Follower } from "./follower.ts";
import { findItem, keyOf } from "./follower.ts";
import { isTextField } from "./keys.ts";

interface At {
  scroller: HTMLElement | null;
  follower: Follower | null;
  history: History;
  /** The key of the item to render and focus next. */
  nextFocus: Signal<string | null>;
  box: RefObject<HTMLTextAreaElement | null>;
  model: ChatModel;
}

/** Returns the `keydown` handler of the list of messages. */
export function useMessageKeys(at: At): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isTextField(event.target)) return;
    if (ACTIONS[event.key]?.(at, keyOf(event.target as Node)) === true) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
}

/** Each takes the focused item's key, and returns whether it did anything. */
const ACTIONS: Readonly<Record<string, (at: At, key: string | null) => boolean>> = {
  j: (at, key) => move(at, key, 1),
  k: (at, key) => move(at, key, -1),
  c: copy,
  e: edit,
  Escape: leave,
};

/** To the next or previous item; if none has the focus, to the first visible one. */
function move({ follower, history, nextFocus }: At, key: string | null, step: 1 | -1): boolean {
  const { order } = history;
  const first = follower?.firstKey ?? null;
  const next = key === null ? first : order[order.indexOf(key) + step];
  if (next === undefined || next === null) return false;
  nextFocus.value = next;
  return true;
}

function copy({ history, model }: At, key: string | null): boolean {
  const run = key === null ? undefined : history.runs.get(key);
  if (run === undefined || navigator.clipboard === undefined) return false;
  writeClipboard(textOf(run)).then((isCopied) => {
    model.toasts.show(isCopied ? "Answer copied." : "The browser did not allow copying.");
  });
  return true;
}

function edit({ scroller }: At, key: string | null): boolean {
  const item = key === null ? null : findItem(scroller, key);
  const button = item?.querySelector<HTMLElement>("[data-edit]") ?? null;
  button?.click();
  return button !== null;
}

function leave({ follower, box }: At): boolean {
  follower?.follow();
  box.current?.focus();
  return true;
}

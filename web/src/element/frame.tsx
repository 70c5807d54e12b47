/** The element's layout: the conversation, a header and banner above, the list beside it. */
import { type Signal, useSignal } from "@preact/signals";
import type { TargetedMouseEvent } from "preact";
import { Banner } from "../chat/banner.tsx";
import { Conversation } from "../chat/conversation/conversation.tsx";
import { titleOf } from "../chat/threads/lines.ts";
import { ThreadList } from "../chat/threads/thread_list.tsx";
import { IconButton } from "../design/icon_button.tsx";
import { Icon } from "../design/icons.tsx";
import { ToastList } from "../design/toasts.tsx";
import type { ElementChat } from "./element_chat.ts";

interface FrameProps {
  chat: ElementChat;
  /** The agent that answers; null for the server's first one. */
  agent: Signal<string | null>;
  /** Whether to show the list of threads. */
  hasThreads: Signal<boolean>;
}

export function Frame({ chat, agent, hasThreads }: FrameProps) {
  const { client, model } = chat;
  const isListOpen = useSignal(false);
  const { phase } = model.status.value;
  if (phase === "signed_out") {
    return <Notice text="You are signed out." action="Try again" act={() => client.start()} />;
  }
  return (
    <div class={`frame${isListOpen.value ? " list-open" : ""}`}>
      {hasThreads.value && <List chat={chat} onOpened={() => close()} />}
      <div class="frame-main">
        {hasThreads.value && <Head chat={chat} isListOpen={isListOpen} />}
        <Banner model={model} />
        <Conversation
          model={model}
          threadId={model.openThreadId.value}
          agent={agent.value ?? undefined}
        />
      </div>
      <ToastList toasts={model.toasts} />
    </div>
  );

  function close() {
    isListOpen.value = false;
  }
}

/** Opens threads itself, because its links would change the embedding page's URL. */
function List({ chat, onOpened }: { chat: ElementChat; onOpened: () => void }) {
  function open(event: TargetedMouseEvent<HTMLElement>) {
    const link = event.target instanceof Element ? event.target.closest("a[href^='#']") : null;
    if (link === null) return;
    event.preventDefault();
    chat.model.open(decodeURIComponent(link.getAttribute("href")?.slice(1) ?? ""));
    onOpened();
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click
    <nav class="frame-list" aria-label="Conversations" onClick={open}>
      <button type="button" class="button wide" onClick={() => begin()}>
        <Icon name="pencil" />
        New conversation
      </button>
      <ThreadList threads={chat.threads} />
    </nav>
  );

  function begin() {
    chat.model.open(null);
    onOpened();
  }
}

/** Shown only in a narrow element: the open thread's title, and a button for the list. */
function Head({ chat, isListOpen }: { chat: ElementChat; isListOpen: Signal<boolean> }) {
  const { model } = chat;
  const thread = model.state.value.threads.get(model.openThreadId.value ?? "");
  return (
    <div class="frame-head">
      <IconButton
        icon="menu"
        label="Conversations"
        aria-expanded={isListOpen.value}
        onClick={() => {
          isListOpen.value = !isListOpen.value;
        }}
      />
      <span class="frame-title truncate" dir="auto">
        {thread === undefined ? "New conversation" : titleOf(thread)}
      </span>
    </div>
  );
}

interface NoticeProps {
  text: string;
  action?: string;
  act?: () => void;
}

/** Shown instead of the chat: why there is none, and what the person can do. */
export function Notice({ text, action, act }: NoticeProps) {
  return (
    <div class="notice" role="alert">
      <p>{text}</p>
      {action !== undefined && (
        <button type="button" class="button" onClick={act}>
          {action}
        </button>
      )}
    </div>
  );
}

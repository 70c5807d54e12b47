/** The signed-in user's page: the list of threads beside the open one. */
import { effect, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { ToastList } from "../design/toasts.tsx";
import { isTouched } from "../design/touch.ts";
import { followAddress } from "./address.ts";
import { Banner } from "./banner.tsx";
import { Conversation } from "./conversation/conversation.tsx";
import { followKeys } from "./keyboard.ts";
import type { ChatModel } from "./model.ts";
import { narrow } from "./narrow.ts";
import { Shortcuts } from "./shortcuts.tsx";
import { Sidebar } from "./sidebar.tsx";
import { startRenaming, ThreadHeader } from "./thread_header.tsx";
import { Threads } from "./threads/threads.ts";
import "./chat_page.css";

interface ChatPageProps {
  model: ChatModel;
  hasConsole: boolean;
  onSignOut: () => void;
}

export function ChatPage({ model, hasConsole, onSignOut }: ChatPageProps) {
  const threads = useThreads(model);
  const searchField = useRef<HTMLInputElement>(null);
  const isHelpOpen = useSignal(false);
  /** On a narrow screen the list is a drawer, on a wide one it can be hidden. */
  const isDrawerOpen = useSignal(false);
  const isListHidden = useSignal(false);
  const isNarrow = narrow.value;
  const isListShown = isNarrow ? isDrawerOpen.value : !isListHidden.value;

  function showList(isShown: boolean) {
    if (narrow.value) isDrawerOpen.value = isShown;
    else isListHidden.value = !isShown;
  }
  function startNew() {
    model.open(null);
    isDrawerOpen.value = false;
    focusMessage();
  }

  useEffect(() => followAddress(model), [model]);
  useOpened(model, () => {
    isDrawerOpen.value = false;
  });
  useEffect(
    () =>
      followKeys({
        startNew,
        search() {
          showList(true);
          requestAnimationFrame(() => searchField.current?.focus());
        },
        rename() {
          const id = model.openThreadId.peek();
          if (id !== null) startRenaming(threads, { id });
        },
        archive() {
          const id = model.openThreadId.peek();
          if (id !== null) threads.archive(id, true);
        },
        help() {
          isHelpOpen.value = true;
        },
        sidebar: () => showList(narrow.peek() ? !isDrawerOpen.peek() : isListHidden.peek()),
        write: focusMessage,
        neighbour: (step) => openNeighbour(threads, step),
      }),
    [threads],
  );

  return (
    <div class={isListShown ? "chat-page" : "chat-page alone"}>
      <button type="button" class="skip button" onClick={focusMessage}>
        Skip to the message box
      </button>
      <Side isShown={isListShown} isDrawer={isNarrow} onClose={() => showList(false)}>
        <Sidebar
          threads={threads}
          searchField={searchField}
          hasConsole={hasConsole}
          onNew={startNew}
          onHide={() => showList(false)}
          onShortcuts={() => {
            isHelpOpen.value = true;
          }}
          onSignOut={onSignOut}
        />
      </Side>
      <main class="thread" inert={isNarrow && isListShown}>
        <ThreadHeader
          threads={threads}
          isAlone={!isListShown || isNarrow}
          onShowList={() => showList(true)}
          onNew={startNew}
        />
        <Banner model={model} />
        <Conversation model={model} threadId={model.openThreadId.value} />
      </main>
      {isHelpOpen.value && (
        <Shortcuts
          onClose={() => {
            isHelpOpen.value = false;
          }}
        />
      )}
      <ToastList toasts={model.toasts} />
    </div>
  );
}

interface SideProps {
  isShown: boolean;
  isDrawer: boolean;
  onClose: () => void;
  children: ComponentChildren;
}

/** The sidebar, or a drawer over the page that Escape and a tap outside close. */
function Side({ isShown, isDrawer, onClose, children }: SideProps) {
  const place = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    if (isDrawer && isShown) place.current?.querySelector<HTMLElement>(".new-thread")?.focus();
  }, [isDrawer, isShown]);
  return (
    <>
      {isDrawer && isShown && <div class="scrim" onClick={onClose} aria-hidden="true" />}
      <nav
        ref={place}
        class={isDrawer && isShown ? "sidebar drawer" : "sidebar"}
        aria-label="Conversations"
        inert={!isShown}
        onKeyDown={(event) => {
          if (event.key === "Escape" && isDrawer && !event.defaultPrevented) onClose();
        }}
      >
        {children}
      </nav>
    </>
  );
}

function useThreads(model: ChatModel): Threads {
  const threads = useMemo(() => new Threads(model), [model]);
  useEffect(() => {
    const look = () => threads.look();
    // In an effect: reading the state while rendering would render the whole page in every frame.
    const stop = effect(look);
    document.addEventListener("visibilitychange", look);
    return () => {
      stop();
      document.removeEventListener("visibilitychange", look);
      threads.close();
    };
  }, [threads]);
  return threads;
}

/**
 * Whenever another thread is opened, focus the message box: before painting, so that no key goes
 * elsewhere.
 */
function useOpened(model: ChatModel, act: () => void) {
  const openId = model.openThreadId.value;
  useLayoutEffect(() => {
    act();
    if (!isTouched()) focusMessage();
  }, [openId]);
}

function focusMessage() {
  document.getElementById("message")?.focus({ preventScroll: true });
}

function openNeighbour(threads: Threads, step: 1 | -1) {
  const lines = threads.shown.peek();
  const openId = threads.model.openThreadId.peek();
  const at = lines.findIndex(({ id }) => id === openId);
  const next = at < 0 ? lines[0] : lines[at + step];
  if (next !== undefined) threads.model.open(next.id);
}

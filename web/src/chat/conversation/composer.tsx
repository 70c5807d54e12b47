/** The message box. It grows with its text and keeps it over a reload. */
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon } from "../../design/icons.tsx";
import { memo } from "../../design/memo.ts";
import { plural } from "../../design/plural.ts";
import { sendable } from "../sendable.ts";
import { charactersLeft, contentProblem } from "./content.ts";
import { sends } from "./keys.ts";
import { tabStorage, UnsentTexts } from "./unsent_texts.ts";

interface Props {
  box: RefObject<HTMLTextAreaElement | null>;
  user: string;
  /** Null for a new conversation. */
  threadId: string | null;
  /** Whether the new conversation has become this thread: then the text in the box stays. */
  hasBegun: boolean;
  /** A text to put into the box, such as a suggestion. */
  offered: Offer | null;
  canStop: boolean;
  isStopping: boolean;
  onSend: (content: string) => void;
  onStop: () => void;
  /** Called to move the focus from the empty box to the last message. */
  onLeave: () => void;
}

/** An object, so that offering the same text again is a change. */
export interface Offer {
  readonly text: string;
}

export const Composer = memo((props: Props) => {
  const { box, offered, canStop, isStopping, onSend } = props;
  const { text, isCut, write } = useUnsentText(props);
  const problem = contentProblem(text);
  const isSendable = text.trim() !== "" && problem === null;
  useFit(box, text);
  useLayoutEffect(() => {
    if (offered === null) return;
    write(offered.text);
    box.current?.focus();
  }, [offered]);

  function send() {
    if (!isSendable) return;
    onSend(text);
    write("");
  }

  function press(event: KeyboardEvent) {
    if (sends(event)) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && !event.altKey) {
      event.preventDefault();
      props.onLeave();
    }
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        id="message"
        ref={box}
        rows={1}
        dir="auto"
        aria-label="Message"
        aria-describedby="message-note"
        aria-invalid={problem !== null}
        placeholder="Write a message"
        value={text}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={press}
      />
      {canStop && (
        <button
          type="button"
          class="button small composer-stop"
          disabled={isStopping}
          onClick={({ detail }) => {
            props.onStop();
            // Activated by keyboard: the button is about to go, and the focus with it.
            if (detail === 0) box.current?.focus();
          }}
        >
          <Icon name="stop" />
          Stop
        </button>
      )}
      <button
        type="submit"
        class="icon-button composer-send"
        aria-label="Send"
        title="Send (Enter)"
        disabled={!isSendable}
      >
        <Icon name="send" />
      </button>
      <p id="message-note" class={problem === null ? "hint" : "problem"} role="status">
        {problem ?? noteOf(text, isCut)}
      </p>
    </form>
  );
});

const CUT = "Invisible characters that cannot be sent were left out.";

function noteOf(text: string, isCut: boolean): string {
  const left = charactersLeft(text);
  if (left !== null) return `${plural(left, "character")} left`;
  return isCut ? CUT : "";
}

/** The box's text; each thread has its own. */
function useUnsentText({
  user,
  threadId,
  hasBegun,
}: Pick<Props, "user" | "threadId" | "hasBegun">) {
  // Until the user is known, nothing is stored and nobody's stored texts are read.
  const unsent = useMemo(() => new UnsentTexts(user === "" ? null : tabStorage(), user), [user]);
  const [held, hold] = useState(() => ({
    user,
    threadId,
    text: unsent.read(threadId),
    isCut: false,
  }));
  const isCurrent = held.threadId === threadId && held.user === user;
  const hasBecomeThread = held.threadId === null && hasBegun && held.user === user;
  const wasTypedEarly = held.user === "" && held.threadId === threadId && held.text !== "";
  const goesAlong = !isCurrent && (hasBecomeThread || wasTypedEarly);
  const text = isCurrent || goesAlong ? held.text : unsent.read(threadId);
  useLayoutEffect(() => {
    if (isCurrent) return;
    if (goesAlong) {
      if (hasBecomeThread) unsent.write(null, "");
      unsent.write(threadId, text);
    }
    hold({ user, threadId, text, isCut: false });
  }, [isCurrent, goesAlong, hasBecomeThread, user, threadId, unsent, text]);
  const write = (next: string) => {
    const text = sendable(next);
    unsent.write(threadId, text);
    hold({ user, threadId, text, isCut: text !== next });
  };
  return { text, isCut: held.isCut, write };
}

/** Fits the box to its text in browsers without `field-sizing`. */
function useFit(box: RefObject<HTMLTextAreaElement | null>, text: string) {
  const isNeeded = useRef(!CSS.supports("field-sizing", "content"));
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || !isNeeded.current) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [box, text]);
}

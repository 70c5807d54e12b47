/** The box in which messages are written. It grows with its text, and keeps it over a reload. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon } from "../../design/icons.tsx";
import { sendable } from "../sendable.ts";
import { charactersLeft, contentProblem } from "./content.ts";
import { sends } from "./keys.ts";
import { still } from "./still.ts";
import { tabStorage, UnsentTexts } from "./unsent_texts.ts";

interface Props {
  box: RefObject<HTMLTextAreaElement | null>;
  user: string;
  /** Null for a new conversation. */
  threadId: string | null;
  /** The thread is what the new conversation became: what is being written goes with it. */
  hasBegun: boolean;
  /** A text to begin with, chosen elsewhere. */
  offered: Offer | null;
  canStop: boolean;
  isStopping: boolean;
  onSend: (content: string) => void;
  onStop: () => void;
  /** Asks to go from the empty box to the last message. */
  onLeave: () => void;
}

/** Each offer is an object of its own, so that the same text can be offered again. */
export interface Offer {
  readonly text: string;
}

export const Composer = still((props: Props) => {
  const { box, offered, canStop, isStopping, onSend } = props;
  const { text, isCut, write } = useUnsentText(props);
  const problem = contentProblem(text);
  const isSendable = text.trim() !== "" && problem === null;
  useFit(box, text);
  useEffect(() => {
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
        enterkeyhint="send"
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
            // By a key, not a finger: the button goes away, and the focus would be nowhere.
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
  if (left !== null) return `${left.toLocaleString()} characters left`;
  return isCut ? CUT : "";
}

/** The text of the open thread's box; each thread has its own. */
function useUnsentText({
  user,
  threadId,
  hasBegun,
}: Pick<Props, "user" | "threadId" | "hasBegun">) {
  // Of somebody who is not known yet nothing is kept, and what others wrote is not touched.
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

/** As high as its text, where the browser does not do that by itself. */
function useFit(box: RefObject<HTMLTextAreaElement | null>, text: string) {
  const isNeeded = useRef(!CSS.supports("field-sizing", "content"));
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || !isNeeded.current) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [box, text]);
}

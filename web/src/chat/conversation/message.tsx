/** The person's message, with buttons to copy it and to edit it into a new one. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../design/icons.tsx";
import { memo } from "../../design/memo.ts";
import { sendable } from "../sendable.ts";
import { contentProblem } from "./content.ts";
import { CopyButton } from "./copy_button.tsx";
import { moment } from "./format.ts";
import { sends } from "./keys.ts";

interface Props {
  content: string;
  /** Seconds since the epoch; null for an unsent message. */
  timestamp: number | null;
  /** Null if it cannot be edited. */
  onResend: ((content: string) => void) | null;
}

export const MessageView = memo(({ content, timestamp, onResend }: Props) => {
  const [isEdited, setIsEdited] = useState(false);
  if (isEdited && onResend !== null) {
    const wasSaid = timestamp !== null;
    return <Editor {...{ content, wasSaid }} onSend={onResend} onEnd={() => setIsEdited(false)} />;
  }
  return (
    <div class="message">
      <h2 class="sr-only">You said</h2>
      <div class="bubble" dir="auto">
        {content}
      </div>
      <div class="message-foot acts">
        {timestamp !== null && (
          <time dateTime={new Date(timestamp * 1000).toISOString()}>{moment(timestamp)}</time>
        )}
        <CopyButton text={content} what="message" class="shy" />
        {onResend !== null && (
          <button type="button" class="act shy" data-edit onClick={() => setIsEdited(true)}>
            <Icon name="edit" />
            <span>Edit</span>
          </button>
        )}
      </div>
    </div>
  );
});

interface EditorProps {
  content: string;
  wasSaid: boolean;
  onSend: (content: string) => void;
  onEnd: () => void;
}

function Editor({ content, wasSaid, onSend, onEnd }: EditorProps) {
  const [text, setText] = useState(content);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    box.current?.focus();
    box.current?.setSelectionRange(content.length, content.length);
  }, [content]);
  const problem = contentProblem(text);
  const isSendable = problem === null && text.trim() !== "";

  function send() {
    if (!isSendable) return;
    onEnd();
    onSend(text);
  }

  function cancel() {
    box.current?.closest("article")?.focus({ preventScroll: true });
    onEnd();
  }

  function press(event: KeyboardEvent) {
    if (event.key === "Escape") {
      event.stopPropagation();
      cancel();
    } else if (sends(event)) {
      event.preventDefault();
      send();
    }
  }

  return (
    <form
      class="message editor"
      aria-label="Edit your message"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        class="input"
        aria-label="Your message, edited"
        dir="auto"
        value={text}
        ref={box}
        onInput={(event) => setText(sendable(event.currentTarget.value))}
        onKeyDown={press}
      />
      <p class={problem === null ? "hint" : "problem"}>
        {problem ??
          (wasSaid && "It is sent as a new message. What was said before stays as it is.")}
      </p>
      <div class="editor-buttons">
        <button type="button" class="button quiet small" onClick={cancel}>
          Cancel
        </button>
        <button type="submit" class="button primary small" disabled={!isSendable}>
          Send
        </button>
      </div>
    </form>
  );
}

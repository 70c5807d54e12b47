/** An inline editor of a title: Enter and blur save, Escape cancels. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { TITLE_MAX_CHARACTERS } from "./threads.ts";

interface TitleFieldProps {
  title: string;
  onDone: (text: string) => void;
  onCancel: () => void;
}

export function TitleField({ title, onDone, onCancel }: TitleFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  // Removing a focused field fires another blur.
  const isOver = useRef(false);
  useLayoutEffect(() => {
    const before = document.activeElement;
    field.current?.select();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  function end(act: () => void) {
    if (isOver.current) return;
    isOver.current = true;
    act();
  }
  return (
    <input
      ref={field}
      class="title-field"
      aria-label="Title"
      dir="auto"
      defaultValue={title}
      maxLength={TITLE_MAX_CHARACTERS}
      autoComplete="off"
      onKeyDown={(event) => {
        event.stopPropagation();
        const isEnter = event.key === "Enter" && !event.isComposing;
        if (!isEnter && event.key !== "Escape") return;
        // Otherwise the key would also activate what gets the focus next.
        event.preventDefault();
        const { value } = event.currentTarget;
        end(isEnter ? () => onDone(value) : onCancel);
      }}
      onBlur={(event) => {
        const { value } = event.currentTarget;
        end(() => onDone(value));
      }}
    />
  );
}

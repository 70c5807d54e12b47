/** A title that is being written in its place: Enter and leaving keep it, Escape does not. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { TITLE_MAX_CHARACTERS } from "./threads.ts";

interface TitleFieldProps {
  title: string;
  onDone: (text: string) => void;
  onCancel: () => void;
}

export function TitleField({ title, onDone, onCancel }: TitleFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  // Removing the field from the document makes it lose the focus once more.
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
        // Else the key would press what has the focus next.
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

/** A form that looks something up by id. */
import { useSignal } from "@preact/signals";
import { useId, useLayoutEffect } from "preact/hooks";

interface Props {
  readonly label: string;
  readonly sought: string;
  readonly onFind: (id: string) => void;
}

export function FindForm({ label, sought, onFind }: Props) {
  const text = useSignal(sought);
  const field = useId();
  // Before painting: an effect that runs later could undo what was typed meanwhile.
  useLayoutEffect(() => {
    text.value = sought;
  }, [sought, text]);
  return (
    <search>
      <form
        class="find"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.value.trim() !== "") onFind(text.value.trim());
        }}
      >
        <label class="label" for={field}>
          {label}
        </label>
        <input
          id={field}
          class="input mono"
          type="search"
          autocomplete="off"
          spellcheck={false}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <button type="submit" class="button primary">
          Look up
        </button>
      </form>
    </search>
  );
}

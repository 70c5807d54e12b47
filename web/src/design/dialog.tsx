/** A modal question or sheet; it is open for as long as it is rendered. */
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "./icon_button.tsx";

interface DialogProps {
  title: string;
  /** Called when the person closes it, by Escape or a button: stop rendering it then. */
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const place = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useLayoutEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    // Closing gives the focus back to where it was.
    return () => dialog?.close();
  }, []);
  return (
    <dialog class="dialog" ref={place} aria-labelledby={heading} onClose={onClose}>
      <div class="dialog-head">
        <h2 id={heading}>{title}</h2>
        <IconButton class="small" icon="close" label="Close" onClick={onClose} />
      </div>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  /** What the button says and does: "Delete". */
  action: string;
  danger?: boolean;
  disabled?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children: ComponentChildren;
}

/** A question with two answers; Enter in one of its fields is the action. */
export function Confirm(props: ConfirmProps) {
  const { title, action, danger = false, disabled = false, onConfirm, onClose, children } = props;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!disabled) onConfirm();
        }}
      >
        {children}
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={danger ? "button danger" : "button primary"}
            disabled={disabled}
          >
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

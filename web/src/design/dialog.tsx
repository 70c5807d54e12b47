/** A modal dialog; it is open for as long as it is rendered. */
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "./icon_button.tsx";

interface DialogProps {
  title: string;
  /** Called when the person closes it: stop rendering it then. */
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const place = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useLayoutEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    // Closing restores the focus.
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
  /** The button's label: "Delete". */
  action: string;
  danger?: boolean;
  disabled?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children: ComponentChildren;
}

/** A dialog that confirms an action; Enter in one of its fields confirms. */
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

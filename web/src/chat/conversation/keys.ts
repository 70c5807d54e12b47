/** Keys in text fields. */
import { isTouched } from "../../design/touch.ts";

/** The `keyCode` of a key that an input method (IME) handles. */
const COMPOSING = 229;

/**
 * Whether this key sends the text: Enter without a modifier. Not on a touch keyboard, where Enter
 * starts a new line, and not while an input method composes.
 */
export function sends(event: KeyboardEvent): boolean {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === COMPOSING) return false;
  if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return false;
  return !isTouched();
}

/** Whether it takes text, so that letters are not shortcuts. */
export function isTextField(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable]");
}

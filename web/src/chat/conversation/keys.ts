/** What keys mean in boxes of text. */
import { isTouched } from "../../design/touch.ts";

/** The key code that browsers report while an input method is composing. */
const COMPOSING = 229;

/**
 * Whether this key sends what was written: Enter without anything held. Where one types on glass,
 * Enter makes a new line and the button sends; while an input method composes, Enter is its own.
 */
export function sends(event: KeyboardEvent): boolean {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === COMPOSING) return false;
  if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return false;
  return !isTouched();
}

/** Whether somebody writes there, so that letters are not shortcuts. */
export function isTextField(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable]");
}

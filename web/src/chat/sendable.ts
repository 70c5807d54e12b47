/** Removes the characters that the server refuses from texts. Pure. */

/** Invisible characters that come with pasted text. */
const UNSENDABLE = /^[\0\ufeff\ufffe\uffff]+|[\0\ufffe\uffff]+/g;

/** A text without the characters that the server refuses. */
export function sendable(text: string): string {
  return text.replace(UNSENDABLE, "");
}

/** Text that the server accepts. Pure. */

/** Invisible characters that nobody types, but that can come with pasted text. */
const UNSENDABLE = /^[\0\ufeff\ufffe\uffff]+|[\0\ufffe\uffff]+/g;

/** Removes the characters that the server refuses. */
export function sendable(text: string): string {
  return text.replace(UNSENDABLE, "");
}

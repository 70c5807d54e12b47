/** Text as the server takes it. Pure. */

/** What nobody sees or types, and what comes along when text is pasted. */
const UNSENDABLE = /^[\0\ufeff\ufffe\uffff]+|[\0\ufffe\uffff]+/g;

/** The text without the characters that the server refuses. */
export function sendable(text: string): string {
  return text.replace(UNSENDABLE, "");
}

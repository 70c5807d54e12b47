/**
 * Recognizes what would take too long to parse as Markdown, and is shown as plain text instead. The
 * time to parse grows with the depth of nesting, with the square of the lines of a list item, and
 * with the square of the marks and the length of a piece of inline text. Nothing that a person would
 * write comes near these bounds.
 */

const PIECE_MAX_CHARACTERS = 20_000;
const PIECE_MAX_MARKS = 1_000;
const DEPTH_MAX = 16;
const ITEM_MAX_LINES = 2_000;

const DEEP = new RegExp(`^(?:[ \\t]*(?:>|[-*+](?=\\s)|\\d{1,9}[.)](?=\\s))){${DEPTH_MAX},}`, "m");
const DEEP_ITEM = new RegExp(`^[ \\t]{${4 * DEPTH_MAX},}(?:[-*+]|\\d{1,9}[.)])\\s`, "m");
const BEGINS_ITEM = /^\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const MARKS = /[*_~[\]<`]/g;

/** Whether blocks are nested too deeply, or a list item is too long. */
export function isTangled(text: string): boolean {
  return DEEP.test(text) || DEEP_ITEM.test(text) || hasLongItem(text);
}

function hasLongItem(text: string): boolean {
  let itemLines = 0;
  let wasBlank = false;
  for (const line of text.split("\n")) {
    if (BEGINS_ITEM.test(line)) itemLines = 1;
    else if (wasBlank && /^\S/.test(line)) itemLines = 0;
    else if (itemLines > 0) itemLines += 1;
    if (itemLines > ITEM_MAX_LINES) return true;
    wasBlank = line.trim() === "";
  }
  return false;
}

/** Whether the inline text of one block is too long or has too many marks. */
export function isTangledPiece(text: string): boolean {
  if (text.length > PIECE_MAX_CHARACTERS) return true;
  return text.length > PIECE_MAX_MARKS && (text.match(MARKS)?.length ?? 0) > PIECE_MAX_MARKS;
}

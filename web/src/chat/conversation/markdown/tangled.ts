/**
 * Whether a text would take too long to read as Markdown. The reader's time grows with the square
 * of the marks in a paragraph and with the depth of nesting; nothing that a person would write
 * comes near these bounds.
 */

const MARKS_MAX = 2_000;
const DEPTH_MAX = 16;

const DEEP = new RegExp(`^(?:[ \\t]*(?:>|[-*+](?=\\s)|\\d{1,9}[.)](?=\\s))){${DEPTH_MAX},}`, "m");
const DEEP_ITEM = new RegExp(`^[ \\t]{${4 * DEPTH_MAX},}(?:[-*+]|\\d{1,9}[.)])\\s`, "m");
const BEGINS_BLOCK = /^\s*(?:$|\||(?:[-*+]|\d{1,9}[.)]|#{1,6})\s)/;
const MARKS = /[*_~[\]]/g;

export function isTangled(text: string): boolean {
  return hasManyMarks(text) || DEEP.test(text) || DEEP_ITEM.test(text);
}

function hasManyMarks(text: string): boolean {
  if (text.length < MARKS_MAX) return false;
  let marks = 0;
  for (const line of text.split("\n")) {
    if (BEGINS_BLOCK.test(line)) marks = 0;
    marks += line.match(MARKS)?.length ?? 0;
    if (marks > MARKS_MAX) return true;
  }
  return false;
}

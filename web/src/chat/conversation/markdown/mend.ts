/**
 * Completes the end of streamed Markdown: closes open marks, and hides marks whose meaning is not
 * known yet.
 *
 * Pure. Only the end changes, so that all blocks but the last are parsed as in the complete text.
 */
import { isTangledPiece } from "./tangled.ts";

const FENCE = /^(?:[ >]{0,99}(?:[-*+]|\d{1,9}[.)])?)[ >]{0,99}(`{3,}|~{3,})([^`]*)$/;
const PARTIAL_FENCE = /^[ >]*(?:`{1,2}|~{1,2})$/;
const ONLY_MARKS = /^[ >]*(?:[-=*+_#>~]+|\d{1,9}[.)]|[-*+] +\[[ xX]?\]?)[ \t]*$/;
const ROW = /^ {0,3}\|/;
const DELIMITERS = /^ {0,3}\|?[\s:|-]*$/;
const BEGINS_BLOCK = /^[ >]*(?:(?:[-*+]|\d{1,9}[.)])\s|#{1,6}\s|\|)/;
const LINK_AT_END = /!?\[([^[\]\n]{0,300})(?:\](?:\([^()\s]{0,2000}(?:\s[^)\n]{0,300})?)?)?$/;
const WORD = /[\p{L}\p{N}]/u;

export function mend(text: string): string {
  const fence = openFence(text);
  const start = text.lastIndexOf("\n") + 1;
  const line = text.slice(start);
  if (fence !== null) return isPartOf(fence, line) ? text.slice(0, start) : text;
  if (PARTIAL_FENCE.test(line) || ONLY_MARKS.test(line)) return text.slice(0, start);
  return mendTable(text) ?? mendInline(text);
}

/** The fence of the code block that is open at the end, or null. */
function openFence(text: string): string | null {
  if (!text.includes("```") && !text.includes("~~~")) return null;
  let open: string | null = null;
  for (const line of text.split("\n")) {
    const [, fence, info] = FENCE.exec(line) ?? [];
    if (fence === undefined) continue;
    if (open === null) open = fence;
    else if (fence.startsWith(open) && info?.trim() === "") open = null;
  }
  return open;
}

function isPartOf(fence: string, line: string): boolean {
  const marks = line.trim();
  return marks !== "" && marks.length < fence.length && fence.startsWith(marks);
}

/** Completes a table's header whose delimiter row is still to come; null if there is none. */
function mendTable(text: string): string | null {
  const lines = text
    .slice(text.lastIndexOf("\n\n") + 1)
    .trimStart()
    .split("\n");
  const [head = "", delimiters = ""] = lines;
  if (lines.length > 2 || !ROW.test(head) || !DELIMITERS.test(delimiters)) return null;
  const cells = head
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/).length;
  if (lines.length === 1 && cells < 2) return null;
  const whole = lines.length === 1 ? text : text.slice(0, text.lastIndexOf("\n"));
  const closed = whole.trimEnd().endsWith("|") ? whole : `${mendInline(whole)} |`;
  return `${closed}\n|${" --- |".repeat(cells)}`;
}

function mendInline(text: string): string {
  const start = lastInlineStart(text);
  const inline = text.slice(start);
  if (isTangledPiece(inline)) return text;
  const code = openCode(inline);
  if (code !== null) {
    const isEmpty = inline.endsWith(code);
    return isEmpty ? text.slice(0, -code.length) : text + code;
  }
  const shown = withoutOpenLink(inline).replace(/(?:\\|[*_~]+)$/, keepsInWord);
  const marks = openMarks(shown); // put before trailing blanks: after one they would not close
  return text.slice(0, start) + shown.replace(/\s*$/, (blanks) => marks + blanks);
}

/** Keeps trailing marks only if they close something: `a_` may still become `a_b`. */
function keepsInWord(marks: string, at: number, whole: string): string {
  return marks.length <= 3 && closes(whole, at, marks) ? marks : "";
}

function closes(text: string, at: number, marks: string): boolean {
  return openMarks(text.slice(0, at)) === marks;
}

/** The start of the last inline context: a paragraph, a list item, a table cell. */
function lastInlineStart(text: string): number {
  let start = text.lastIndexOf("\n\n") + 1;
  for (let at = text.length; at > start; ) {
    at = text.lastIndexOf("\n", at - 1);
    if (at < start) break;
    if (BEGINS_BLOCK.test(text.slice(at + 1, at + 64))) {
      start = at + 1;
      break;
    }
  }
  const line = text.slice(start);
  return ROW.test(line) ? start + Math.max(0, line.search(/\|[^|]*$/)) : start;
}

/** The backticks of an open code span, or null. */
function openCode(text: string): string | null {
  let open: string | null = null;
  for (const [run] of text.matchAll(/`+/g)) {
    if (open === null) open = run;
    else if (open === run) open = null;
  }
  return open;
}

/** Replaces an incomplete link at the end with its text. */
function withoutOpenLink(text: string): string {
  const found = LINK_AT_END.exec(text);
  if (found === null || isInCode(text, found.index)) return text;
  return text.slice(0, found.index) + (found[1] ?? "");
}

function isInCode(text: string, at: number): boolean {
  return openCode(text.slice(0, at)) !== null;
}

/** The marks that close the emphasis open at the end, innermost first. */
function openMarks(text: string): string {
  const open: string[] = [];
  const plain = text.replace(/\\[\s\S]|(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, (found) =>
    "x".repeat(found.length),
  );
  for (const { 0: run, index } of plain.matchAll(/\*{1,3}|_{1,3}|~~/g)) {
    const before = plain[index - 1] ?? " ";
    const after = plain[index + run.length] ?? " ";
    if (run[0] === "_" && WORD.test(before) && WORD.test(after)) continue;
    let rest = /\S/.test(before) ? closed(open, run) : run;
    if (/\s/.test(after)) rest = "";
    if (rest !== "") open.push(...split(rest));
  }
  return open.reverse().join("");
}

/** Closes what this run of marks ends; returns the rest of the run, which may open something. */
function closed(open: string[], run: string): string {
  let rest = run;
  for (let last = open.at(-1); last !== undefined && rest.startsWith(last); last = open.at(-1)) {
    open.pop();
    rest = rest.slice(last.length);
    if (rest === "") break;
  }
  return rest;
}

function split(run: string): string[] {
  const single = run[0] ?? "";
  return run.length === 3 ? [single + single, single] : [run];
}

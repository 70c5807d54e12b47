/** Searches titles and previews by words, ignoring case and accents, and marks what matched. Pure. */
import type { Line } from "./lines.ts";

/** A match further from the start than this would be cut off, so that the excerpt begins later. */
const LEAD_MAX_CHARACTERS = 14;
const CONTEXT_CHARACTERS = 6;

/** Pieces of a text; `isMatch` marks what was searched for. */
export interface Piece {
  readonly text: string;
  readonly isMatch: boolean;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

const folded = new WeakMap<Line, string>();

/**
 * The lines that contain every word of the query, those that contain it as a phrase first; all lines
 * for an empty query.
 */
export function search(lines: readonly Line[], query: string): readonly Line[] {
  const words = wordsOf(query);
  if (words.length === 0) return lines;
  const found = lines.filter((line) => words.every((word) => textOf(line).includes(word)));
  if (words.length === 1) return found;
  const phrase = words.join(" ");
  const { exact = [], others = [] } = Object.groupBy(found, (line) =>
    textOf(line).includes(phrase) ? "exact" : "others",
  );
  return [...exact, ...others];
}

/** The part of the title or the preview around what matched; the title for an empty query. */
export function excerptOf({ title, preview }: Line, query: string): readonly Piece[] {
  const words = wordsOf(query);
  for (const targets of [[words.join(" ")], words]) {
    for (const text of [title, preview]) {
      const ranges = rangesIn(text, targets);
      if (ranges.length > 0) return piecesOf(text, ranges);
    }
  }
  return [{ text: title, isMatch: false }];
}

function wordsOf(query: string): string[] {
  return fold(query).split(/\s+/).filter(Boolean);
}

function textOf(line: Line): string {
  let text = folded.get(line);
  if (text === undefined) {
    text = fold(`${line.title} ${line.preview}`);
    folded.set(line, text);
  }
  return text;
}

function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Where the targets occur in a text, in order and without overlaps. */
function rangesIn(text: string, targets: readonly string[]): Range[] {
  const { plain, offsets } = unfolded(text);
  const found: Range[] = [];
  for (const target of targets) {
    for (let at = plain.indexOf(target); target !== "" && at !== -1; ) {
      const end = at + target.length;
      found.push({ start: offsets[at] ?? 0, end: offsets[end] ?? text.length });
      at = plain.indexOf(target, end);
    }
  }
  found.sort((a, b) => a.start - b.start);
  let upTo = 0;
  return found.filter(({ start, end }) => {
    const isNew = start >= upTo && end > start;
    if (isNew) upTo = end;
    return isNew;
  });
}

/** A folded text, and where each of its units was in the original. */
function unfolded(text: string): { plain: string; offsets: readonly number[] } {
  let plain = "";
  const offsets: number[] = [];
  let at = 0;
  for (const character of text) {
    const part = fold(character);
    for (let unit = 0; unit < part.length; unit += 1) offsets.push(at);
    plain += part;
    at += character.length;
  }
  return { plain, offsets };
}

function piecesOf(text: string, ranges: readonly Range[]): Piece[] {
  const pieces: Piece[] = [];
  let at = beginning(text, ranges[0]?.start ?? 0);
  const add = (end: number, isMatch: boolean) => {
    if (end > at) pieces.push({ text: text.slice(at, end), isMatch });
    at = end;
  };
  if (at > 0) pieces.push({ text: "…", isMatch: false });
  for (const { start, end } of ranges) {
    add(start, false);
    add(end, true);
  }
  add(text.length, false);
  return pieces;
}

/** Where an excerpt begins: at a word shortly before the match. */
function beginning(text: string, match: number): number {
  if (match <= LEAD_MAX_CHARACTERS) return 0;
  const word = text.lastIndexOf(" ", match - CONTEXT_CHARACTERS) + 1;
  return match - word <= LEAD_MAX_CHARACTERS ? word : match;
}

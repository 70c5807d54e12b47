/** Searches titles and previews by words, ignoring case and accents. */
import type { Line } from "./lines.ts";

const folded = new WeakMap<Line, string>();

/** The lines that contain every word of the query; all lines for an empty query. */
export function search(lines: readonly Line[], query: string): readonly Line[] {
  const words = fold(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return lines;
  return lines.filter((line) => {
    const text = textOf(line);
    return words.every((word) => text.includes(word));
  });
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

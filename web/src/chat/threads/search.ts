/** Finds threads by words of their titles and of how they begin, whatever the case and accents. */
import type { Line } from "./lines.ts";

const folded = new WeakMap<Line, string>();

/** The lines that have every word; all of them where there is no word. */
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

/** Markdown as plain text for screen readers: without marks and URLs. */
import { mend } from "./mend.ts";
import { readMarkdown } from "./reader.ts";
import type { Block, Inline, Item } from "./tree.ts";

const MARKS = /[*_~`]+/g;

export function plainText(markdown: string): string {
  return blocksText(readMarkdown(markdown));
}

/**
 * The plain text of a part of a text.
 *
 * The part is parsed together with its paragraph, because what a mark means depends on what is
 * before it: the end of an emphasis must not be taken for the beginning of one.
 */
export function plainPart(markdown: string, start: number, end: number): string {
  const beginning = markdown.lastIndexOf("\n\n", start) + 1;
  const before = plainText(mend(markdown.slice(beginning, start)));
  const whole = plainText(mend(markdown.slice(beginning, end)));
  if (whole.startsWith(before)) return whole.slice(before.length).trim();
  return plainText(markdown.slice(start, end)).replace(MARKS, withoutLoose);
}

/** Removes a mark at the edge of a word: its counterpart is outside the part. */
function withoutLoose(marks: string, at: number, whole: string): string {
  const begins = !/\S/.test(whole[at - 1] ?? " ");
  const ends = !/\S/.test(whole[at + marks.length] ?? " ");
  return begins === ends ? marks : "";
}

function blocksText(blocks: readonly Block[]): string {
  const texts = blocks.map(blockText);
  return texts.filter((text) => text !== "").join("\n");
}

function blockText(block: Block): string {
  switch (block.kind) {
    case "code":
    case "plain":
      return block.text;
    case "quote":
      return blocksText(block.blocks);
    case "list":
      return block.items.map((item, index) => itemText(item, block.start, index)).join("\n");
    case "table":
      return [block.head, ...block.rows].map((row) => row.map(inlinesText).join(", ")).join("\n");
    case "rule":
      return "";
    default:
      return inlinesText(block.children);
  }
}

function itemText({ blocks, isDone }: Item, start: number | null, index: number): string {
  const number = start === null ? "" : `${start + index}. `;
  const state = isDone === null ? "" : isDone ? "done: " : "to do: ";
  return number + state + blocksText(blocks);
}

function inlinesText(inlines: readonly Inline[]): string {
  return inlines.map(inlineText).join("");
}

function inlineText(inline: Inline): string {
  if (typeof inline === "string") return inline;
  if (inline.kind === "break") return "\n";
  return inline.kind === "code" ? inline.text : inlinesText(inline.children);
}

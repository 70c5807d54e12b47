/** Markdown as plain words, as they are read aloud: without marks and addresses. Pure. */

import { parseBlocks } from "./markdown_blocks.js";
import { parseInline } from "./markdown_inline.js";

const LOOSE_MARKS = /(?<!\S)[*_~`]+(?=\S)|(?<=\S)[*_~`]+(?!\S)/g;

export function plainText(markdown) {
  return parseBlocks(markdown).map(blockText).filter((text) => text !== "").join("\n");
}

/**
 * The words of a part of a text.
 *
 * The part is read with the block that it is in, because what a mark means hangs on what is before
 * it: the second half of an emphasis is not the beginning of one.
 */
export function plainPart(markdown, start, end) {
  const beginning = markdown.lastIndexOf("\n\n", start) + 1;
  const before = plainText(markdown.slice(beginning, start));
  const whole = plainText(markdown.slice(beginning, end));
  if (whole.startsWith(before)) return whole.slice(before.length).trim();
  return plainText(markdown.slice(start, end)).replaceAll(LOOSE_MARKS, "");
}

function blockText(block) {
  switch (block.type) {
    case "code":
      return block.text;
    case "quote":
      return block.blocks.map(blockText).join("\n");
    case "list":
      return block.items.map(({ blocks }, index) => (
        (block.isOrdered ? `${block.start + index}. ` : "") + blocks.map(blockText).join("\n")
      )).join("\n");
    case "table":
      return [block.head, ...block.rows].map((row) => row.map(inlineText).join(", ")).join("\n");
    case "rule":
      return "";
    default:
      return inlineText(block.text);
  }
}

function inlineText(text) {
  return nodesText(parseInline(text, true));
}

function nodesText(nodes) {
  return nodes.map((node) => {
    if (typeof node === "string") return node;
    if (node.type === "break") return "\n";
    return node.type === "code" ? node.text : nodesText(node.children);
  }).join("");
}

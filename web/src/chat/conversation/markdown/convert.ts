/** Converts Marked's tokens to the tree to render. What the tree has no node for becomes text. */
import type { Token, Tokens } from "marked";
import { safeAddress } from "./address.ts";
import { decodeEntities } from "./entities.ts";
import type { Align, Block, Inline, Item } from "./tree.ts";

/** Returns a cached item of the same source, or makes one. */
export type MakeItem = (source: string, make: () => Item) => Item;

const makeAnew: MakeItem = (_source, make) => make();

/**
 * The blocks of these tokens.
 *
 * @param makeItem makes list items; it may cache them, for long lists that are streamed
 */
export function blocksOf(tokens: readonly Token[], makeItem = makeAnew): Block[] {
  const blocks: Block[] = [];
  for (const token of tokens) {
    const block = blockOf(token, makeItem);
    if (block !== null) blocks.push(block);
  }
  return blocks;
}

/** The block of a token; null for what is not rendered (blank lines, link definitions). */
function blockOf(token: Token, makeItem: MakeItem): Block | null {
  switch (token.type) {
    case "space":
    case "def":
    case "checkbox":
      return null;
    case "heading":
      return { kind: "heading", level: token.depth, children: inlinesOf(token.tokens) };
    case "code":
      return { kind: "code", language: languageOf(token.lang), text: token.text, isOpen: false };
    case "blockquote":
      return { kind: "quote", blocks: blocksOf(token.tokens ?? []) };
    case "list":
      return listOf(token as Tokens.List, makeItem);
    case "table":
      return tableOf(token as Tokens.Table);
    case "hr":
      return { kind: "rule" };
    case "paragraph":
      return { kind: "paragraph", children: inlinesOf(token.tokens) };
    case "text":
      return { kind: "line", children: token.tokens ? inlinesOf(token.tokens) : [token.text] };
    default:
      return { kind: "plain", text: token.raw.trimEnd() };
  }
}

function languageOf(info: string | undefined): string {
  return (
    info
      ?.trim()
      .split(/[\s{,:]/, 1)[0]
      ?.toLowerCase() ?? ""
  );
}

function listOf(token: Tokens.List, makeItem: MakeItem): Block {
  const items = token.items.map((item) =>
    // Looseness belongs to the list, not to the item's source, so the key includes it.
    makeItem(`${token.loose} ${item.raw}`, () => ({
      blocks: blocksOf(item.tokens),
      isDone: item.task ? item.checked === true : null,
    })),
  );
  return { kind: "list", start: token.ordered ? Number(token.start) : null, items };
}

const ALIGNS: Readonly<Record<string, Align>> = { left: "start", center: "center", right: "end" };

function tableOf(token: Tokens.Table): Block {
  return {
    kind: "table",
    aligns: token.align.map((align) => ALIGNS[align ?? "left"] ?? "start"),
    head: token.header.map((cell) => inlinesOf(cell.tokens)),
    rows: token.rows.map((row) => row.map((cell) => inlinesOf(cell.tokens))),
  };
}

function inlinesOf(tokens: readonly Token[] = []): Inline[] {
  const inlines: Inline[] = [];
  for (const token of tokens) {
    const inline = inlineOf(token);
    const last = inlines.at(-1);
    if (typeof inline === "string" && typeof last === "string") {
      inlines[inlines.length - 1] = last + inline;
    } else if (inline !== "") inlines.push(inline);
  }
  return inlines;
}

function inlineOf(token: Token): Inline {
  switch (token.type) {
    case "strong":
    case "em":
    case "del":
      return { kind: token.type, children: inlinesOf(token.tokens) };
    case "codespan":
      return { kind: "code", text: token.text };
    case "br":
      return { kind: "break" };
    case "link":
      return linkOf(token.href, inlinesOf(token.tokens), token.raw);
    case "image":
      return linkOf(token.href, [decodeEntities(token.text) || token.href], token.raw);
    case "checkbox":
      return "";
    case "escape":
      return token.text;
    case "text":
      return token.tokens === undefined ? decodeEntities(token.text) : token.raw;
    default:
      return token.raw;
  }
}

/** A link, or its Markdown source if the URL is not safe. */
function linkOf(address: string, children: readonly Inline[], raw: string): Inline {
  const href = safeAddress(decodeEntities(address));
  return href === null ? raw : { kind: "link", href, children: children.map(unlinked) };
}

function unlinked(inline: Inline): Inline {
  if (typeof inline === "string" || inline.kind === "code" || inline.kind === "break") {
    return inline;
  }
  if (inline.kind === "link") return textOf(inline.children);
  return { kind: inline.kind, children: inline.children.map(unlinked) };
}

function textOf(inlines: readonly Inline[]): string {
  return inlines
    .map((inline) => {
      if (typeof inline === "string") return inline;
      if (inline.kind === "break") return "\n";
      return inline.kind === "code" ? inline.text : textOf(inline.children);
    })
    .join("");
}

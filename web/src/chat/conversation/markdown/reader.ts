/**
 * Parses streamed Markdown incrementally.
 *
 * All blocks before the last are settled: they keep their identity, so that views can skip them.
 * When more text comes, only the rest is parsed, in time proportional to the last block and not to
 * the text.
 */
import type { Links, Token } from "marked";
import { blocksOf, type MakeItem } from "./convert.ts";
import { lex } from "./lexer.ts";
import { mend } from "./mend.ts";
import { isTangled } from "./tangled.ts";
import type { Block, Item } from "./tree.ts";

const CHUNK_BLOCKS = 24;

/** The blocks in chunks of 24. A full chunk of settled blocks keeps its identity. */
type Chunks = readonly (readonly Block[])[];

export class MarkdownReader {
  #text = "";
  #isStreaming = true;
  /** The length of the settled blocks' source. */
  #settledEnd = 0;
  #settled: Block[] = [];
  #fullChunks: Block[][] = [];
  #links: Links = {};
  #chunks: Chunks = [];
  /** The items of the open list, by source. */
  #items = new Map<string, Item>();

  /**
   * @param source the whole text so far
   * @param isStreaming whether more text may come; if not, the end is parsed as written
   */
  read(source: string, isStreaming: boolean): Chunks {
    const text = withPlainEnds(source);
    if (text === this.#text && isStreaming === this.#isStreaming) return this.#chunks;
    const refersAhead = !isStreaming && Object.keys(this.#links).length > 0;
    // Comparing a slice is faster than `startsWith`.
    if (text.slice(0, this.#text.length) !== this.#text || refersAhead) this.#forget();
    this.#text = text;
    this.#isStreaming = isStreaming;
    this.#chunks = this.#withOpen(this.#readOpen());
    return this.#chunks;
  }

  #forget() {
    this.#settledEnd = 0;
    this.#settled = [];
    this.#fullChunks = [];
    this.#links = {};
  }

  /** Parse what is not settled, and settle what can be. Returns the blocks that stay open. */
  #readOpen(): Block[] {
    const rest = this.#text.slice(this.#settledEnd);
    if (rest.length > 0 && isTangled(rest)) return [{ kind: "plain", text: rest.trim() }];
    const tokens = this.#lex(this.#isStreaming ? mend(rest) : rest);
    if (!this.#isStreaming) return blocksOf(tokens);
    const last = tokens.findLastIndex(({ type }) => type !== "space");
    const before = tokens.slice(0, Math.max(0, last));
    const length = before.reduce((sum, { raw }) => sum + raw.length, 0);
    // Until its first line is complete, the last block may still become part of the one before.
    if (!rest.slice(length).includes("\n")) return openLast(this.#openBlocks(tokens));
    this.#settledEnd += length;
    this.#settled.push(...blocksOf(before));
    return openLast(this.#openBlocks(tokens.slice(Math.max(0, last))));
  }

  /** The open blocks; unchanged list items keep their identity. */
  #openBlocks(tokens: readonly Token[]): Block[] {
    const before = this.#items;
    const now = new Map<string, Item>();
    const makeItem: MakeItem = (source, make) => {
      const item = before.get(source) ?? make();
      now.set(source, item);
      return item;
    };
    this.#items = now;
    return blocksOf(tokens, makeItem);
  }

  #lex(text: string): Token[] {
    const { tokens, links } = lex(text, this.#links);
    this.#links = links;
    return tokens;
  }

  #withOpen(open: readonly Block[]): Chunks {
    const full = this.#fullChunks;
    while (this.#settled.length >= (full.length + 1) * CHUNK_BLOCKS) {
      const start = full.length * CHUNK_BLOCKS;
      full.push(this.#settled.slice(start, start + CHUNK_BLOCKS));
    }
    const rest = [...this.#settled.slice(full.length * CHUNK_BLOCKS), ...open];
    const chunks = [...full];
    for (let at = 0; at < rest.length; at += CHUNK_BLOCKS) {
      chunks.push(rest.slice(at, at + CHUNK_BLOCKS));
    }
    return chunks;
  }
}

/** All blocks of a complete text. */
export function readMarkdown(text: string): Block[] {
  return new MarkdownReader().read(text, false).flat();
}

/** Normalizes CRLF to LF; a CR at the end waits for its LF. */
function withPlainEnds(text: string): string {
  return text.includes("\r") ? text.replaceAll("\r\n", "\n").replace(/\r$/, "") : text;
}

function openLast(blocks: Block[]): Block[] {
  const last = blocks.at(-1);
  return last?.kind === "code" ? [...blocks.slice(0, -1), { ...last, isOpen: true }] : blocks;
}

/**
 * Inline Markdown: text to a tree of plain objects. Pure; takes time in proportion to the text.
 *
 * Nodes: a string; `{ type: "strong" | "em" | "del", children }`; `{ type: "code", text }`;
 * `{ type: "link", href, children }` with http and https addresses only; `{ type: "break" }`.
 */

const OPEN_MAX = 64;
const MARKS = ["**", "__", "~~", "*", "_"];
const TYPES = { "**": "strong", "__": "strong", "~~": "del", "*": "em", _: "em" };
const LINK = /!?\[([^[\]\n]{0,500})\]\(\s*<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,500}\))?)>?(?:\s+"[^"\n]{0,300}")?\s*\)/y;
const AUTOLINK = /<(https?:\/\/[^\s<>]{1,2000})>/iy;
const BARE_LINK = /https?:\/\/[^\s<>"'`*[\]{}|\\^]{1,2000}/iy;
const PLAIN = /[^\\`*_~![<\nh]+|./sy;
const PUNCTUATION = /[!-/:-@[-`{-~]/;

/** @param isStreaming the text may go on: what is open at its end is shown as if it were closed */
export function parseInline(text, isStreaming = false) {
  return new InlineParser(text, isStreaming).parse();
}

/** The address when it is one that may be linked to, else null. */
export function safeAddress(text) {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
}

class InlineParser {
  constructor(text, isStreaming) {
    this.text = text;
    this.isStreaming = isStreaming;
    this.at = 0;
    this.nodes = [];
    this.open = [];
    this.missing = new Set();
  }

  parse() {
    while (this.at < this.text.length) {
      const isRead = this.readEscape() || this.readBreak() || this.readCode() || this.readLink()
        || this.readMark();
      if (!isRead) this.push(this.match(PLAIN)[0]);
    }
    if (this.isStreaming) this.closeStrong();
    return joinTexts(this.nodes);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  push(node) {
    this.nodes.push(node);
    return true;
  }

  readEscape() {
    if (this.text[this.at] !== "\\") return false;
    const next = this.text[this.at + 1] ?? "";
    if (!PUNCTUATION.test(next)) return false;
    this.at += 2;
    return this.push(next);
  }

  readBreak() {
    if (this.text[this.at] !== "\n") return false;
    this.at += 1;
    return this.push({ type: "break" });
  }

  readCode() {
    if (this.text[this.at] !== "`") return false;
    const fence = this.match(/`+/y)[0];
    const end = this.missing.has(fence) ? -1 : this.endOfCode(fence);
    if (end === -1) {
      this.missing.add(fence);
      if (!this.isStreaming || this.at === this.text.length) return this.push(fence);
    }
    const code = this.text.slice(this.at, end === -1 ? undefined : end);
    this.at += code.length + (end === -1 ? 0 : fence.length);
    const isPadded = code.startsWith(" ") && code.endsWith(" ") && code.trim() !== "";
    return this.push({ type: "code", text: isPadded ? code.slice(1, -1) : code });
  }

  endOfCode(fence) {
    const pattern = /`+/g;
    pattern.lastIndex = this.at;
    for (let run = pattern.exec(this.text); run !== null; run = pattern.exec(this.text)) {
      if (run[0].length === fence.length) return run.index;
    }
    return -1;
  }

  readLink() {
    const first = this.text[this.at];
    if (first === "[" || first === "!") {
      const start = this.at;
      const found = this.match(LINK);
      const href = found && safeAddress(found[2]);
      if (href) {
        const children = parseInline(found[1] || found[2]);
        return this.push({ type: "link", href, children: children.map(unlinked) });
      }
      this.at = start;
      return false;
    }
    const found = first === "<" ? this.match(AUTOLINK) : this.readBareLink(first);
    if (found === null) return false;
    const address = found[1] ?? found[0];
    const href = safeAddress(address);
    return this.push(href ? { type: "link", href, children: [address] } : found[0]);
  }

  readBareLink(first) {
    const before = this.text[this.at - 1] ?? " ";
    if (first !== "h" || /[\p{L}\p{N}]/u.test(before)) return null;
    const found = this.match(BARE_LINK);
    if (found === null) return null;
    let address = found[0].replace(/[.,;:!?]+$/, "");
    if (address.endsWith(")") && !address.includes("(")) address = address.slice(0, -1);
    this.at -= found[0].length - address.length;
    return [address];
  }

  readMark() {
    const rest = this.text.slice(this.at, this.at + 3);
    const single = rest[0];
    // Three marks end the inner emphasis first, when both kinds are open.
    const endsInner = rest === single + single + single && this.open.at(-1)?.mark === single
      && this.isOpen(single + single);
    const mark = endsInner ? single : MARKS.find((one) => rest.startsWith(one));
    if (mark === undefined) return false;
    const before = this.text[this.at - 1] ?? " ";
    const after = this.text[this.at + mark.length] ?? " ";
    this.at += mark.length;
    const isInWord = mark[0] === "_" && /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after);
    if (!isInWord && /\S/.test(before) && this.close(mark)) return true;
    const mayOpen = !isInWord && /\S/.test(after) && this.open.length < OPEN_MAX;
    if (mayOpen) this.open.push({ mark, index: this.nodes.length });
    return this.push(mark);
  }

  isOpen(mark) {
    return this.open.some((opener) => opener.mark === mark);
  }

  close(mark) {
    const depth = this.open.findLastIndex((opener) => opener.mark === mark);
    if (depth === -1) return false;
    const { index } = this.open[depth];
    const children = joinTexts(this.nodes.splice(index).slice(1));
    this.open.length = depth;
    return this.push({ type: TYPES[mark], children });
  }

  closeStrong() {
    while (this.open.length > 0) {
      const { mark, index } = this.open.at(-1);
      if (mark.length === 2 && index < this.nodes.length - 1) this.close(mark);
      else this.open.pop();
    }
  }
}

function unlinked(node) {
  return node.type === "link" ? node.children.join("") : node;
}

function joinTexts(nodes) {
  const joined = [];
  for (const node of nodes) {
    const last = joined.length - 1;
    if (typeof node === "string" && typeof joined[last] === "string") joined[last] += node;
    else joined.push(node);
  }
  return joined;
}

/**
 * Markdown blocks: text to a list of plain objects. Pure; inline text stays text here.
 *
 * Blocks: `{ type: "paragraph" | "heading" | "code" | "quote" | "list" | "table" | "rule", ... }`.
 * Each has `source`, its lines, by which a reader can tell whether it has changed. Markup of HTML
 * means nothing here: it is text.
 */

const DEPTH_MAX = 8;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)/;
const HEADING = /^ {0,3}(#{1,6})(?:\s(.*))?$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,12})([-*+]|\d{1,9}[.)])(?:\s{1,4}(?=\S)|\s*$)/;
const TABLE_LINE = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

export function parseBlocks(text) {
  return parseLines(text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n"), 0);
}

function parseLines(lines, depth) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at].trim() === "") {
      at += 1;
      continue;
    }
    const [block, end] = readBlock(lines, at, depth);
    blocks.push({ ...block, source: lines.slice(at, end).join("\n") });
    at = end;
  }
  return blocks;
}

function readBlock(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return readCode(lines, at);
  if (HEADING.test(line)) {
    const [, marks, text] = HEADING.exec(line);
    const title = (text ?? "").trim().replace(/ #+$/, "");
    return [{ type: "heading", level: marks.length, text: title }, at + 1];
  }
  if (RULE.test(line)) return [{ type: "rule" }, at + 1];
  if (depth < DEPTH_MAX && QUOTE.test(line)) return readQuote(lines, at, depth);
  if (depth < DEPTH_MAX && ITEM.test(line)) return readList(lines, at, depth);
  if (isTable(lines, at)) return readTable(lines, at);
  return readParagraph(lines, at, depth);
}

function readCode(lines, at) {
  const [, fence, language] = FENCE.exec(lines[at]);
  const isEnd = (line) => line.trim().length >= fence.length
    && line.trim() === fence[0].repeat(line.trim().length);
  let end = at + 1;
  while (end < lines.length && !isEnd(lines[end])) end += 1;
  const indent = lines[at].search(/\S/);
  const code = lines.slice(at + 1, end).map((line) => line.replace(new RegExp(`^ {0,${indent}}`), ""));
  return [{ type: "code", language, text: code.join("\n") }, Math.min(end + 1, lines.length)];
}

function readQuote(lines, at, depth) {
  let end = at;
  while (end < lines.length && (QUOTE.test(lines[end]) || continues(lines, end))) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return [{ type: "quote", blocks: parseLines(inner, depth + 1) }, end];
}

function readList(lines, at, depth) {
  const [, indent, marker] = ITEM.exec(lines[at]);
  const isOrdered = /\d/.test(marker);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const next = ITEM.exec(lines[end]);
    const isSibling = next !== null && !RULE.test(lines[end])
      && Math.abs(next[1].length - indent.length) < 2 && isOrdered === /\d/.test(next[2]);
    if (!isSibling) break;
    const [item, itemEnd] = readItem(lines, end, depth);
    items.push(item);
    end = itemEnd;
  }
  return [{ type: "list", isOrdered, start: isOrdered ? Number.parseInt(marker, 10) : 1, items }, end];
}

function readItem(lines, at, depth) {
  const [head, indent] = ITEM.exec(lines[at]);
  const inner = [lines[at].slice(head.length)];
  let end = at + 1;
  for (; end < lines.length; end += 1) {
    const line = lines[end];
    const isInside = line.search(/\S/) >= indent.length + 2;
    if (line.trim() === "") {
      const next = lines.slice(end, end + 3).find((one) => one.trim() !== "");
      if (next === undefined || next.search(/\S/) < indent.length + 2) break;
    } else if (!isInside && !continues(lines, end)) break;
    inner.push(isInside ? line.slice(Math.min(head.length, line.search(/\S/))) : line.trimStart());
  }
  while (end < lines.length && lines[end].trim() === "" && isItemAfterBlank(lines, end)) end += 1;
  return [{ blocks: parseLines(inner, depth + 1) }, end];
}

function isItemAfterBlank(lines, at) {
  const next = lines.slice(at, at + 3).find((one) => one.trim() !== "");
  return next !== undefined && ITEM.test(next) && !RULE.test(next);
}

/** Whether a line continues the paragraph before it, though it is not marked as part of it. */
function continues(lines, at) {
  const line = lines[at];
  return line.trim() !== "" && lines[at - 1].trim() !== "" && !startsBlock(line);
}

function startsBlock(line) {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line)
    || ITEM.test(line);
}

function isTable(lines, at) {
  return at + 1 < lines.length && lines[at].includes("|") && lines[at + 1].includes("-")
    && TABLE_LINE.test(lines[at + 1]) && cells(lines[at]).length === cells(lines[at + 1]).length;
}

function readTable(lines, at) {
  const head = cells(lines[at]);
  const aligns = cells(lines[at + 1]).map(alignOf);
  const rows = [];
  let end = at + 2;
  for (; end < lines.length && lines[end].includes("|"); end += 1) {
    const row = cells(lines[end]);
    rows.push(head.map((_cell, column) => row[column] ?? ""));
  }
  return [{ type: "table", head, aligns, rows }, end];
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function alignOf(cell) {
  if (cell.endsWith(":")) return cell.startsWith(":") ? "center" : "right";
  return "left";
}

function readParagraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== "" && !isTable(lines, end)
    && (depth >= DEPTH_MAX || !startsBlock(lines[end]))) end += 1;
  const text = lines.slice(at, end).map((line) => line.trim()).join("\n");
  return [{ type: "paragraph", text }, end];
}

/**
 * Shows Markdown as elements. Everything from the text ends up as text, or as a link to http or
 * https: what an agent writes cannot become anything else of the page.
 */

import { h, patchChildren, setText } from "./dom.js";
import { parseBlocks } from "./markdown_blocks.js";
import { parseInline } from "./markdown_inline.js";

const shown = new WeakMap();

/**
 * Show the text in the element, keeping the nodes of blocks that have not changed.
 *
 * @param isStreaming the text goes on
 */
export function showMarkdown(element, text, isStreaming) {
  const before = shown.get(element) ?? [];
  const after = [];
  const blocks = parseBlocks(text);
  blocks.forEach((block, index) => {
    const isOpen = isStreaming && index === blocks.length - 1;
    const known = before[index];
    after.push({ source: block.source, isOpen });
    if (known?.source === block.source && known.isOpen === isOpen) return;
    const node = renderBlock(block, isOpen);
    const there = element.childNodes[index];
    if (there === undefined) element.append(node);
    else if (there.nodeName === node.nodeName && there.className === node.className) {
      patchChildren(there, [...node.childNodes]);
    } else element.replaceChild(node, there);
  });
  while (element.childNodes.length > after.length) element.lastChild.remove();
  shown.set(element, after);
}

/** For a container of code blocks: their buttons copy the code beside them. */
export async function copyCode(event) {
  const button = event.target.closest("button.copy");
  if (button === null) return;
  try {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    setText(button, "Copied");
  } catch {
    setText(button, "Not allowed");
  }
  setTimeout(() => setText(button, "Copy"), 1500);
}

function renderBlock(block, isStreaming) {
  const inline = (text) => renderInline(parseInline(text, isStreaming));
  switch (block.type) {
    case "heading":
      return h(`h${Math.min(6, block.level + 2)}`, {}, inline(block.text));
    case "code":
      return renderCode(block);
    case "quote":
      return h("blockquote", {}, block.blocks.map((one) => renderBlock(one, isStreaming)));
    case "list":
      return renderList(block, isStreaming);
    case "table":
      return renderTable(block, inline);
    case "rule":
      return h("hr");
    default:
      return h("p", {}, inline(block.text));
  }
}

function renderCode({ language, text }) {
  const canCopy = navigator.clipboard !== undefined;
  return h("div", { class: "code" },
    h("pre", { tabindex: "0" }, h("code", { "data-language": language || null }, text)),
    canCopy && h("button", { class: "copy", type: "button" }, "Copy"));
}

function renderList(block, isStreaming) {
  const items = block.items.map(({ blocks }) => h("li", {}, blocks.map((one, index) => (
    index === 0 && one.type === "paragraph"
      ? renderInline(parseInline(one.text, isStreaming))
      : renderBlock(one, isStreaming)))));
  const start = block.isOrdered && block.start !== 1 ? block.start : null;
  return h(block.isOrdered ? "ol" : "ul", { start }, items);
}

function renderTable({ head, aligns, rows }, inline) {
  const cell = (tag) => (text, column) => h(tag, { class: `align-${aligns[column]}` }, inline(text));
  return h("div", { class: "table", tabindex: "0" },
    h("table", {},
      h("thead", {}, h("tr", {}, head.map(cell("th")))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell("td")))))));
}

function renderInline(nodes) {
  return nodes.map((node) => {
    if (typeof node === "string") return node;
    if (node.type === "code") return h("code", {}, node.text);
    if (node.type === "break") return h("br");
    if (node.type === "link") {
      const props = { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow" };
      return h("a", props, renderInline(node.children));
    }
    return h(node.type, {}, renderInline(node.children));
  });
}

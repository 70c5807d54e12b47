/** Markdown as a tree: what becomes what, what never becomes anything, and how it grows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MarkdownReader, readMarkdown } from "../../src/chat/conversation/markdown/reader.ts";
import type { Block, Inline } from "../../src/chat/conversation/markdown/tree.ts";

const TEXTS = {
  everything: [
    "# Title",
    "",
    "A **bold** and *slanted* `code` with a [link](https://example.org/a) &amp; more.",
    "next line",
    "",
    "- one",
    "- two",
    "  - inner **x**",
    "",
    "- three",
    "",
    "Then:",
    "",
    "3. a",
    "4. b",
    "",
    "| a | b |",
    "|:--|--:|",
    "| 1 | `x` |",
    "| 2 | **y** |",
    "",
    "```ts",
    "const a = 1;",
    "",
    "```",
    "",
    "> said **so**",
    "> twice",
    "",
    "---",
    "",
    "- [ ] open",
    "- [x] done",
    "",
    "The end",
    "===",
  ].join("\n"),
  endings: "a\r\n\r\n- b\r\n- c\r\n\r\nd",
  ahead: "See [this].\n\nMore.\n\n[this]: https://example.org/\n\nEnd.",
  html: "<div>\n*x*\n</div>\n\nafter <b>it</b>\n\n<!-- a\n\nb -->\n\nz",
};

for (const [name, text] of Object.entries(TEXTS)) {
  test(`a text that grew is read as the whole text: ${name}`, () => {
    for (const step of [1, 2, 3, 7, 31]) {
      const reader = new MarkdownReader();
      for (let end = step; end < text.length; end += step) reader.read(text.slice(0, end), true);
      assert.deepEqual(reader.read(text, false).flat(), readMarkdown(text), `step ${step}`);
    }
  });
}

test("settled blocks and full chunks stay the same objects", () => {
  const reader = new MarkdownReader();
  const text = Array.from({ length: 60 }, (_, index) => `Paragraph ${index}.\n\n`).join("");
  const before = reader.read(text, true);
  const after = reader.read(`${text}More *te`, true);
  assert.equal(before.length, 3);
  assert.equal(after[0], before[0]);
  assert.equal(after[1], before[1]);
  assert.equal(after[2]?.[0], before[2]?.[0]);
});

test("only what follows the settled blocks is parsed again", () => {
  const reader = new MarkdownReader();
  const paragraph = `${"word ".repeat(60)}\n\n`;
  let text = "";
  for (let count = 0; count < 700; count += 1) {
    text += paragraph;
    reader.read(text, true);
  }
  const before = process.cpuUsage();
  for (let count = 0; count < 100; count += 1) {
    text += "word ";
    reader.read(text, true);
  }
  const manyUs = process.cpuUsage(before).user;
  const beforeWhole = process.cpuUsage();
  readMarkdown(text);
  const wholeUs = process.cpuUsage(beforeWhole).user;
  assert.ok(manyUs < 50 * wholeUs, `100 readings ${manyUs} µs, the whole once ${wholeUs} µs`);
});

test("a different text is parsed from the beginning", () => {
  const reader = new MarkdownReader();
  reader.read("One\n\nTwo\n\nThree", true);
  assert.deepEqual(reader.read("Other", true).flat(), readMarkdown("Other"));
});

const SHOWN: readonly (readonly [string, readonly Inline[]])[] = [
  [
    "a **b** *c* ~~d~~ `e`",
    ["a ", mark("strong", "b"), " ", mark("em", "c"), " ", mark("del", "d"), " ", code("e")],
  ],
  ["***both***", [{ kind: "em", children: [mark("strong", "both")] }]],
  ["*a **b***", [{ kind: "em", children: ["a ", mark("strong", "b")] }]],
  ["snake_case_name and 2 * 3 * 4", ["snake_case_name and 2 * 3 * 4"]],
  ["\\*no\\* `**no**`", ["*no* ", code("**no**")]],
  ["one\ntwo", ["one", { kind: "break" }, "two"]],
  ["<b>x</b> &amp;", ["<b>x</b> &"]],
  ["[x](javascript:alert)", ["[x](javascript:alert)"]],
  ["see https://example.com/a_b.", ["see ", link("https://example.com/a_b"), "."]],
];

for (const [text, children] of SHOWN) {
  test(`within a line: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(readMarkdown(text), [{ kind: "paragraph", children }]);
  });
}

function mark(kind: "strong" | "em" | "del", text: string): Inline {
  return { kind, children: [text] };
}

function code(text: string): Inline {
  return { kind: "code", text };
}

function link(href: string): Inline {
  return { kind: "link", href, children: [href] };
}

const HOSTILE = [
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java&#x73;cript:alert(1))",
  "[x](data:text/html,<script>alert(1)</script>)",
  "[x](vbscript:x)",
  "[x](file:///etc/passwd)",
  "[x](//example.org)",
  "[x](/relative)",
  "[x](blob:https://example.org/1)",
  "![x](javascript:alert(1))",
  "<javascript:alert(1)>",
  "[x]: javascript:alert(1)\n\n[x]",
];

for (const text of HOSTILE) {
  test(`not a link: ${text}`, () => {
    assert.deepEqual(links(readMarkdown(text)), []);
    assert.deepEqual(links(new MarkdownReader().read(text, true).flat()), []);
  });
}

test("links go to http, https and mailto only, and images become links", () => {
  const text = "[a](http://a.org) https://b.org <c@d.org> ![e](https://f.org/g.png)";
  const found = ["http://a.org/", "https://b.org/", "mailto:c@d.org", "https://f.org/g.png"];
  assert.deepEqual(links(readMarkdown(text)), found);
});

test("HTML is text", () => {
  const text =
    '<script>alert(1)</script>\n\n<img src=x onerror="alert(1)">\n\na <b onclick=x>b</b>';
  const shown = JSON.stringify(readMarkdown(text));
  for (const piece of ["<script>alert(1)</script>", "<img src=x onerror=", "<b onclick=x>"]) {
    assert.ok(JSON.parse(JSON.stringify(shown)).includes(piece), piece);
  }
});

test("entities are decoded, and cannot become HTML", () => {
  const [block] = readMarkdown("&lt;b&gt; &amp;lt; &#128512; &#xD800; &unknown; &valueOf; &nbsp;");
  const children = ["<b> &lt; 😀 \ufffd &unknown; &valueOf; \u00a0"];
  assert.deepEqual(block, { kind: "paragraph", children });
});

const SIZE = 60_000;
const SEEDS = [
  "*a ", "**", "_a_", "[", "[a](", "`", "`a``", "![", "> ", ">", "- ", "1. ", "  - a\n", "|", "|-",
  "#", " ", "~", "<http://", "http://a ", "\\", "a\n", "`a` `` ", "***a**", "a*b_", "<a ", "&", "~~a",
  "a.", "a@", "<a b=\"", "[a]: x\n", "<?", "www.", "&amp;", "a\n\n", "```\n",
]; // biome-ignore format: one list
const SLOW = [
  ...SEEDS.map((seed) => seed.repeat(SIZE / seed.length)),
  `# ${" ".repeat(SIZE)}x`,
  `${" ".repeat(SIZE)}x`,
  `a${" ".repeat(SIZE)}`,
  `${"a.".repeat(SIZE / 2)}@`,
  `[a](b "${'\\"'.repeat(SIZE / 2)}`,
  `- ${"a\n".repeat(SIZE / 2)}`,
  `\`\`\`\n${" ".repeat(SIZE)}x`,
  `${">".repeat(SIZE)}${"\n- ".repeat(9)}`,
  Array.from({ length: 300 }, (_, depth) => `${"  ".repeat(depth)}- x`).join("\n"),
  "`".repeat(300) + Array.from({ length: 300 }, (_, count) => "`".repeat(count)).join(" "),
];

for (const text of SLOW) {
  test(`a text made to take long does not: ${JSON.stringify(text.slice(0, 8))}`, () => {
    const before = process.cpuUsage();
    readMarkdown(text);
    new MarkdownReader().read(text, true);
    assert.ok(process.cpuUsage(before).user < 3_000_000);
  });
}

test("inline text with too many marks is shown as written, and the rest is parsed", () => {
  const much = `a **b** &amp; ${"*c* ".repeat(700)}`.trim();
  const [before, piece, after] = readMarkdown(`**x**\n\n${much}\nd\n\n- *y*`);
  assert.deepEqual(before, { kind: "paragraph", children: [mark("strong", "x")] });
  assert.deepEqual(piece, { kind: "paragraph", children: [much, { kind: "break" }, "d"] });
  assert.equal(after?.kind, "list");
});

test("a long word does not keep the text around it from being parsed", () => {
  const address = `https://example.org/${"a.b-c_%20".repeat(300)}`;
  const [paragraph] = readMarkdown(`**x** [file](${address}) and ${address}`);
  assert.equal(paragraph?.kind === "paragraph" && paragraph.children.length, 5);
  assert.deepEqual(links(paragraph), [address, address]);
});

test("addresses within a sentence are links", () => {
  const text = "to a.b+c@example.org, or (www.example.org); not a@b, xhttp://c or @d";
  assert.deepEqual(links(readMarkdown(text)), [
    "mailto:a.b+c@example.org",
    "http://www.example.org/",
  ]);
});

test("trailing blanks are ignored", () => {
  const children = ["one", { kind: "break" }, "two"];
  assert.deepEqual(readMarkdown("one  \ntwo"), [{ kind: "paragraph", children }]);
});

/** All addresses that the blocks link to. */
function links(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(links);
  if (typeof value !== "object" || value === null) return [];
  const own = "href" in value ? [String(value.href)] : [];
  return [...own, ...Object.values(value).flatMap((part) => links(part as readonly Block[]))];
}

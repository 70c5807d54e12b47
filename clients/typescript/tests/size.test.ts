/** How much a page has to load: bundled, minified and compressed as bundlers and servers do it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";

/**
 * Bytes at most, with gzip. `first` is what is loaded before anything is done: the script and what
 * it imports. `later` is the event stream, which only a page whose WebSockets are blocked loads.
 */
const LIMITS = {
  index: { first: 6_400, later: 1_536 },
  chat: { first: 10_368, later: 1_536 },
  shared_worker: { first: 3_456, later: 0 },
};

const bytesOf = (chunks: OutputChunk[]): number =>
  chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);

for (const [name, limits] of Object.entries(LIMITS)) {
  test(`${name} has at most ${limits.first} bytes, and ${limits.later} later`, async (context) => {
    const bundle = await rolldown({
      input: new URL(`../src/${name}.ts`, import.meta.url).pathname,
      // As in a page's bundle: no file of its own for what the script shares with what comes later.
      preserveEntrySignatures: "allow-extension",
    });
    // Nor the words that bundlers leave for one another.
    const comments = { annotation: false };
    const { output } = await bundle.generate({ format: "es", minify: true, comments });
    const chunks = output.filter((one) => one.type === "chunk");
    const [entry] = chunks;
    assert.ok(entry?.isEntry);
    const isFirst = ({ fileName }: OutputChunk) =>
      fileName === entry.fileName || entry.imports.includes(fileName);
    const first = bytesOf(chunks.filter(isFirst));
    const later = bytesOf(chunks.filter((chunk) => !isFirst(chunk)));
    context.diagnostic(`${first} bytes, and ${later} later`);
    assert.ok(first <= limits.first, `${first} bytes`);
    assert.ok(later <= limits.later, `${later} bytes later`);
  });
}

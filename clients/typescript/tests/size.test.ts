/** How much a page has to load: bundled, minified and compressed as bundlers and servers do it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

/** Bytes at most, with gzip. */
const LIMITS = { index: 6_144, chat: 10_240, shared_worker: 3_584 };

for (const [name, limit] of Object.entries(LIMITS)) {
  test(`${name} has at most ${limit} bytes`, async (context) => {
    const bundle = await rolldown({
      input: new URL(`../src/${name}.ts`, import.meta.url).pathname,
    });
    const { output } = await bundle.generate({ format: "es", minify: true });
    assert.equal(output.length, 1, "it loads nothing more");
    const { length } = gzipSync(output[0].code, { level: 9 });
    context.diagnostic(`${length} bytes`);
    assert.ok(length <= limit, `${length} bytes`);
  });
}

/** The rooms of the sources: a module imports from its own room and from those before it. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import manifest from "../package.json" with { type: "json" };

const SOURCES = join(import.meta.dirname, "../src");
/** What all of them know comes first, what a program imports last. */
const ROOMS = [
  ".",
  "credential",
  "http",
  "transport",
  "connection",
  "shared",
  "client",
  "state",
  "entry",
];
const ENTRIES = Object.values(manifest.exports).map(({ source }) => source.replace("./src/", ""));

const placeOf = (file: string) => ROOMS.indexOf(ENTRIES.includes(file) ? "entry" : dirname(file));

for (const file of globSync("**/*.ts", { cwd: SOURCES })) {
  test(`${file} imports only what is below it`, () => {
    const text = readFileSync(join(SOURCES, file), "utf8");
    const imported = [...text.matchAll(/(?:from |import\()"(\..+?)"/g)].map(([, path = ""]) =>
      join(dirname(file), path),
    );
    assert.notEqual(placeOf(file), -1, "its folder is not among the rooms");
    assert.deepEqual(
      imported.filter((one) => placeOf(one) > placeOf(file)),
      [],
    );
  });
}

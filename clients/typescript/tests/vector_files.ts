/** Reads the golden vectors, which the Python side tests against, too. */
import { readFileSync } from "node:fs";

export function vectorsOf<Vector>(name: string): ({ name: string } & Vector)[] {
  const file = new URL(`../../../tests/vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Patterns of agents: which are run here, and that none of them can take long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldOf } from "../../src/chat/conversation/question/field.ts";
import { fits } from "../../src/chat/conversation/question/pattern.ts";

const RUN: readonly (readonly [string, string, string])[] = [
  ["^[A-Z]{2}$", "NL", "NLD"],
  ["^\\d{4}-\\d{2}-\\d{2}$", "2026-11-26", "26.11."],
  ["^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", "ada@example.org", "ada"],
  ["^\\d+(\\.\\d{1,2})?$", "12.50", "12.505"],
  ["^(?:yes|no)$", "no", "perhaps"],
  ["^(?<area>\\+?[0-9 ]+)$", "+31 20", "x"],
  ["[\\]\\p{L}]\\u0041{1,}?", "éA", "A"],
  ["^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "01234567-89ab-cdef-0123-456789abcdef", "0"],
  ["^.{0,500}$", "a".repeat(500), "a".repeat(501)],
];

for (const [pattern, right, wrong] of RUN) {
  test(`is run: ${pattern}`, () => {
    assert.equal(fits(pattern, right), true);
    assert.equal(fits(pattern, wrong), false);
  });
}

const LEFT: readonly (readonly [string, string])[] = [
  ["^(a+)+$", `${"a".repeat(40)}!`],
  ["^(a|a)*$", `${"a".repeat(40)}!`],
  ["^(a|a?){30}$", "a".repeat(30)],
  ["(a*)*b", "a".repeat(40)],
  ["^a*a*a*a*a*b$", "a".repeat(60)],
  ["(?:(?:a?)?){20}c", "a".repeat(50)],
  [".*.*=", "a".repeat(5_000)],
  ["^(?=(a+)+b)", "a".repeat(40)],
  ["(?<!(a+)+)b", "ab"],
  ["^(a)\\1*$", "aa"],
  ["^(?<n>a)\\k<n>$", "aa"],
  ["(", "x"],
  ["a{2,1}", "a"],
  ["a".repeat(1_001), "a"],
  ["(".repeat(1_000), "a"],
];

for (const [pattern, text] of LEFT) {
  test(`is left to the agent: ${pattern.slice(0, 40)}`, () => {
    assert.equal(fits(pattern, text), null);
  });
}

test("a pattern that is not run on a long text is run on a short one", () => {
  assert.equal(fits("^(a+)+$", "aaa!"), false);
});

test("a property of Object is not a format", () => {
  const { shape } = fieldOf({ type: "string", format: "toString" });
  assert.equal(shape.kind === "text" && shape.format, "text");
});

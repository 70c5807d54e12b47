/** How a given answer is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldOf } from "../../src/chat/conversation/question/field.ts";
import { givenParts, givenWords } from "../../src/chat/conversation/question/given.ts";

const ORDER = {
  type: "object",
  properties: {
    name: { type: "string", title: "Full name" },
    country: { oneOf: [{ const: "FR", title: "France" }, { const: "JP" }] },
    isFast: { type: "boolean" },
    extras: { type: "array", items: { oneOf: [{ const: 1, title: "card" }, { const: 2 }] } },
    home: { type: "object", title: "Address", properties: { zip: { type: "string" } } },
  },
};

test("an answer is told in the words of its form", () => {
  const value = {
    ...{ name: "Ann", country: "FR", isFast: false, extras: [1, 2], home: { zip: "12" } },
    ...{ unasked: { a: 1 } },
  };
  assert.deepEqual(
    givenParts(fieldOf(ORDER), value).map(({ label, words }) => [label, words]),
    [
      ["Full name", "Ann"],
      ["Country", "France"],
      ["Is fast", "No"],
      ["Extras", "card, 2"],
      ["Address: Zip", "12"],
      ["unasked", '{"a":1}'],
    ],
  );
});

test("an answer that is no object is told by its label, or as it is", () => {
  const size = fieldOf({ oneOf: [{ const: "s", title: "Small" }] });
  assert.equal(givenWords(size, "s"), "Small");
  assert.equal(givenWords(size, "m"), "m");
  assert.equal(givenWords(fieldOf(null), "text"), "text");
  assert.equal(givenWords(fieldOf({ type: "boolean" }), true), "Yes");
});

/** Forms from JSON Schemas: what kind of field each becomes, and what is sent of what was entered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  beginning,
  type Entered,
  readAnswer,
} from "../../src/chat/conversation/question/answer.ts";
import { fieldOf, type Schema } from "../../src/chat/conversation/question/field.ts";

const KINDS: readonly (readonly [Schema | null, string])[] = [
  [null, "text"],
  [{ type: "string" }, "text"],
  [{ type: ["string", "null"] }, "text"],
  [{ type: "number" }, "number"],
  [{ type: "integer" }, "number"],
  [{ type: "boolean" }, "boolean"],
  [{ enum: ["a", "b"] }, "choice"],
  [{ const: "a" }, "choice"],
  [{ oneOf: [{ const: 1, title: "One" }, { const: 2 }] }, "choice"],
  [{ type: "array", items: { enum: [1, 2] } }, "choices"],
  [{ type: "array", items: { type: "string" } }, "lines"],
  [{ type: "object", properties: { a: { type: "string" } } }, "object"],
  [{}, "json"],
  [{ type: "object" }, "json"],
  [{ type: "array" }, "json"],
  [{ type: ["string", "number"] }, "json"],
  [{ $ref: "#/x" }, "json"],
  [{ type: "string", anyOf: [{}] }, "json"],
  [{ enum: [] }, "json"],
  [{ type: "array", items: { type: "object" } }, "json"],
  [{ type: "object", properties: { a: 1 } }, "json"],
];

for (const [schema, kind] of KINDS) {
  test(`${JSON.stringify(schema)} is a field for ${kind}`, () => {
    assert.equal(fieldOf(schema).shape.kind, kind);
  });
}

const ANSWERS: readonly (readonly [Schema | null, Entered, unknown])[] = [
  [null, "hello", "hello"],
  [{ type: "string", minLength: 1 }, " ", " "],
  [{ type: "number" }, "2.5", 2.5],
  [{ type: "number" }, "2,5", 2.5],
  [{ type: "integer", minimum: 1, maximum: 3 }, " 3 ", 3],
  [{ type: "number", multipleOf: 0.1 }, "0.3", 0.3],
  [{ type: "boolean" }, false, false],
  [{ enum: ["a", 2, null] }, [2], null],
  [{ oneOf: [{ const: 1, title: "One" }] }, [0], 1],
  [{ type: "array", items: { enum: ["a", "b", "c"] } }, [0, 2], ["a", "c"]],
  [{ type: "array", items: { type: "string" } }, "a\n\n b \n", ["a", "b"]],
  [{ type: "array", items: { type: "string" } }, "", []],
  [{ type: ["string", "null"] }, "", null],
  [{ type: "string", pattern: "^[A-Z]{2}$" }, "NL", "NL"],
  [{ type: "string", pattern: "(" }, "x", "x"],
  [{ type: ["integer", "object"] }, '{"a": 1}', { a: 1 }],
  [{ type: ["integer", "object"] }, "7", 7],
];

for (const [schema, entered, value] of ANSWERS) {
  test(`${JSON.stringify(entered)} for ${JSON.stringify(schema)}`, () => {
    assert.deepEqual(readAnswer(fieldOf(schema), entered), { value, problems: null });
  });
}

const WRONG: readonly (readonly [Schema | null, Entered, string])[] = [
  [null, "", "Please fill this in."],
  [{ type: "string", minLength: 3 }, "ab", "At least 3 characters."],
  [{ type: "string", maxLength: 1 }, "😀😀", "At most 1 character; this has 2."],
  [{ type: "string", pattern: "^[A-Z]$" }, "a", "This has to match the pattern ^[A-Z]$"],
  [{ type: "string", format: "email" }, "x", "Enter an email address."],
  [{ type: "string", format: "uri" }, "x", "Enter a full URL, with https://."],
  [{ type: "number" }, "x", "This has to be a number, for example 42."],
  [{ type: "integer" }, "1.5", "This has to be a whole number, for example 42."],
  [{ type: "integer", minimum: 1 }, "0", "At least 1."],
  [{ type: "integer", maximum: 1 }, "2", "At most 1."],
  [{ type: "number", exclusiveMinimum: 0 }, "0", "More than 0."],
  [{ type: "number", exclusiveMaximum: 1 }, "1", "Less than 1."],
  [{ type: "integer", multipleOf: 5 }, "7", "A multiple of 5."],
  [{ enum: ["a"] }, [], "Please choose one."],
  [{ type: "array", items: { enum: [1, 2] }, minItems: 2 }, [0], "At least 2."],
  [{ type: "array", items: { enum: [1, 2] }, maxItems: 1 }, [0, 1], "At most 1; this has 2."],
  [{ type: ["integer", "object"] }, '"x"', "Expected integer or object, this is string."],
];

for (const [schema, entered, problem] of WRONG) {
  test(`${JSON.stringify(entered)} is wrong for ${JSON.stringify(schema)}`, () => {
    assert.equal(readAnswer(fieldOf(schema), entered).problems?.get(""), problem);
  });
}

const ORDER: Schema = {
  type: "object",
  required: ["name", "size"],
  properties: {
    name: { type: "string", minLength: 1 },
    size: { enum: ["S", "M"], default: "M" },
    note: { type: "string" },
    giftWrap: { type: "boolean", default: true },
    address: {
      type: "object",
      required: ["city"],
      properties: { city: { type: "string", title: "Town" }, zip: { type: "string" } },
    },
  },
};

test("an object starts with its defaults, and optional empty fields are left out", () => {
  const field = fieldOf(ORDER);
  const entered = beginning(field) as Record<string, Entered>;
  assert.deepEqual(entered.size, [1]);
  const reading = readAnswer(field, { ...entered, name: "Ada" });
  assert.deepEqual(reading, {
    value: { name: "Ada", size: "M", giftWrap: true },
    problems: null,
  });
});

test("problems in an object are keyed by path", () => {
  const field = fieldOf(ORDER);
  const entered = beginning(field) as Record<string, Entered>;
  const { problems } = readAnswer(field, { ...entered, address: { city: "", zip: "1" } });
  assert.deepEqual(
    [...(problems ?? [])],
    [
      ["name", "Please fill this in."],
      ["address/city", "Please fill this in."],
    ],
  );
});

test("property names become readable labels", () => {
  const { shape } = fieldOf(ORDER);
  const labels = shape.kind === "object" ? shape.fields.map(({ label }) => label) : [];
  assert.deepEqual(labels, ["Name", "Size", "Note", "Gift wrap", "Address"]);
});

test("a schema that nests too deep, or has too many fields, is answered as JSON", () => {
  let deep: Schema = { type: "string" };
  for (let depth = 0; depth < 9; depth += 1) deep = { type: "object", properties: { a: deep } };
  assert.ok(JSON.stringify(fieldOf(deep)).includes('"json"'));
  const names = Array.from({ length: 41 }, (_, index) => [`f${index}`, { type: "string" }]);
  const wide = { type: "object", properties: Object.fromEntries(names) };
  assert.equal(fieldOf(wide).shape.kind, "json");
});

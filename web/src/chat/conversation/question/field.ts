/**
 * Turns a JSON Schema into the fields of a form. Pure.
 *
 * Agents write schemas, so they may be anything. What is not one of the simple shapes below becomes
 * a JSON field, so that every question can be answered.
 */

const FIELDS_MAX = 40;
const DEPTH_MAX = 3;
const OPTIONS_MAX = 200;
const LONG_TEXT_CHARACTERS = 200;

export type Schema = Readonly<Record<string, unknown>>;

export interface Option {
  readonly label: string;
  readonly value: unknown;
}

type TextFormat = "text" | "long" | "email" | "url" | "date" | "datetime-local" | "time";

export type Shape =
  | {
      readonly kind: "text";
      readonly format: TextFormat;
      readonly minLength: number;
      readonly maxLength: number;
      readonly pattern: string | null;
    }
  | {
      readonly kind: "number";
      readonly isInteger: boolean;
      readonly minimum: number;
      readonly maximum: number;
      readonly isAboveMinimum: boolean;
      readonly isBelowMaximum: boolean;
      readonly multipleOf: number | null;
    }
  | { readonly kind: "boolean" }
  | { readonly kind: "choice"; readonly options: readonly Option[] }
  | {
      readonly kind: "choices";
      readonly options: readonly Option[];
      readonly minItems: number;
      readonly maxItems: number;
    }
  | { readonly kind: "lines"; readonly minItems: number; readonly maxItems: number }
  | { readonly kind: "object"; readonly fields: readonly Field[] }
  | { readonly kind: "json"; readonly types: readonly string[] };

export interface Field {
  /** The property's name; "" for the whole value. */
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly isRequired: boolean;
  readonly isNullable: boolean;
  readonly initial: unknown;
  readonly shape: Shape;
}

/** The field for a whole answer; without a schema, free text. */
export function fieldOf(schema: Schema | null): Field {
  const whole = schema ?? { type: "string" };
  return makeField(whole, { name: "", label: "Your answer", isRequired: true, depth: 0 });
}

/** A value as the label of a button or an option, or as a given answer. */
export function inWords(value: unknown): string {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "None";
  return JSON.stringify(value);
}

interface Place {
  name: string;
  label: string;
  isRequired: boolean;
  depth: number;
}

function makeField(schema: Schema, { name, label, isRequired, depth }: Place): Field {
  const types = typesOf(schema);
  return {
    name,
    label: textOr(schema.title, label),
    description: textOr(schema.description, ""),
    isRequired,
    isNullable: types.includes("null"),
    initial: schema.default,
    shape: shapeOf(schema, types, depth),
  };
}

function shapeOf(schema: Schema, types: readonly string[], depth: number): Shape {
  const options = optionsOf(schema);
  if (options !== null) return { kind: "choice", options };
  const json: Shape = { kind: "json", types };
  const [type, ...others] = types.filter((one) => one !== "null");
  if (others.length > 0 || isComposed(schema)) return json;
  switch (type) {
    case "string":
      return textShape(schema);
    case "integer":
    case "number":
      return numberShape(schema, type);
    case "boolean":
      return { kind: "boolean" };
    case "array":
      return arrayShape(schema) ?? json;
    case "object":
      return objectShape(schema, depth) ?? json;
    default:
      return json;
  }
}

function typesOf({ type }: Schema): string[] {
  return (Array.isArray(type) ? type : [type]).filter((one) => typeof one === "string");
}

function isComposed(schema: Schema): boolean {
  return ["$ref", "allOf", "anyOf", "oneOf", "not", "if"].some((word) => word in schema);
}

/** The options of an `enum`, of a `const`, or of a `oneOf` of `const`s with titles. */
function optionsOf(schema: Schema): Option[] | null {
  if ("const" in schema) return [{ label: inWords(schema.const), value: schema.const }];
  if (Array.isArray(schema.enum)) {
    const fits = schema.enum.length > 0 && schema.enum.length <= OPTIONS_MAX;
    return fits ? schema.enum.map((value) => ({ label: inWords(value), value })) : null;
  }
  const { oneOf } = schema;
  if (!Array.isArray(oneOf) || oneOf.length === 0 || oneOf.length > OPTIONS_MAX) return null;
  if (!oneOf.every((one): one is Schema => isSchema(one) && "const" in one)) return null;
  return oneOf.map((one) => ({ label: textOr(one.title, inWords(one.const)), value: one.const }));
}

const FORMATS: ReadonlyMap<string, TextFormat> = new Map([
  ["email", "email"],
  ["uri", "url"],
  ["date", "date"],
  ["date-time", "datetime-local"],
  ["time", "time"],
]);

function textShape(schema: Schema): Shape {
  const maxLength = numberOr(schema.maxLength, Number.POSITIVE_INFINITY);
  const isLong = Number.isFinite(maxLength) && maxLength > LONG_TEXT_CHARACTERS;
  return {
    kind: "text",
    format: FORMATS.get(textOr(schema.format, "")) ?? (isLong ? "long" : "text"),
    minLength: numberOr(schema.minLength, 0),
    maxLength,
    pattern: typeof schema.pattern === "string" ? schema.pattern : null,
  };
}

function numberShape(schema: Schema, type: "integer" | "number"): Shape {
  const above = numberOr(schema.exclusiveMinimum, Number.NEGATIVE_INFINITY);
  const below = numberOr(schema.exclusiveMaximum, Number.POSITIVE_INFINITY);
  const minimum = numberOr(schema.minimum, Number.NEGATIVE_INFINITY);
  const maximum = numberOr(schema.maximum, Number.POSITIVE_INFINITY);
  const step = numberOr(schema.multipleOf, 0);
  return {
    kind: "number",
    isInteger: type === "integer",
    minimum: Math.max(minimum, above),
    maximum: Math.min(maximum, below),
    isAboveMinimum: above >= minimum && above > Number.NEGATIVE_INFINITY,
    isBelowMaximum: below <= maximum && below < Number.POSITIVE_INFINITY,
    multipleOf: step > 0 ? step : null,
  };
}

function arrayShape(schema: Schema): Shape | null {
  if (!isSchema(schema.items)) return null;
  const minItems = numberOr(schema.minItems, 0);
  const maxItems = numberOr(schema.maxItems, Number.POSITIVE_INFINITY);
  const options = optionsOf(schema.items);
  if (options !== null) return { kind: "choices", options, minItems, maxItems };
  const isText = typesOf(schema.items).join() === "string" && !isComposed(schema.items);
  return isText ? { kind: "lines", minItems, maxItems } : null;
}

function objectShape(schema: Schema, depth: number): Shape | null {
  if (depth >= DEPTH_MAX || !isSchema(schema.properties)) return null;
  const properties = Object.entries(schema.properties);
  if (properties.length === 0 || properties.length > FIELDS_MAX) return null;
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const fields: Field[] = [];
  for (const [name, property] of properties) {
    if (!isSchema(property)) return null;
    const place = { name, label: labelOf(name), isRequired: required.has(name), depth: depth + 1 };
    fields.push(makeField(property, place));
  }
  return { kind: "object", fields };
}

/** `delivery_date` and `deliveryDate` become "Delivery date". */
function labelOf(name: string): string {
  const words = name
    .replaceAll(/[_-]+/g, " ")
    .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
    .trim();
  return words === "" ? name : words[0]?.toUpperCase() + words.slice(1).toLowerCase();
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" && value.trim() !== "" ? value : otherwise;
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}

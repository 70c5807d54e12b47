/**
 * Reads and validates what was entered into a form, as the value to send. Pure.
 *
 * Validation runs on submit, not while typing. Each problem is shown beside its field and says what
 * would be valid.
 */
import { plural } from "../../../design/plural.ts";
import type { Field, Shape } from "./field.ts";
import { fits } from "./pattern.ts";

/** What a control holds: a text, a checkbox's state, indices of options, or fields by name. */
export type Entered = string | boolean | readonly number[] | { readonly [name: string]: Entered };

/** Problems by field path: names joined by slashes, "" for the whole answer. */
export type Problems = ReadonlyMap<string, string>;

type Reading =
  | { readonly value: unknown; readonly problems: null }
  | { readonly problems: Problems };

type Found<T> = { value: T } | { problem: string };

/** The initial state of a field's controls: its default, if that is valid for the field. */
export function beginning({ shape, initial }: Field): Entered {
  switch (shape.kind) {
    case "boolean":
      return initial === true;
    case "choice":
      return indicesOf(shape.options, [initial]);
    case "choices":
      return Array.isArray(initial) ? indicesOf(shape.options, initial) : [];
    case "lines":
      return Array.isArray(initial) ? initial.join("\n") : "";
    case "object":
      return Object.fromEntries(shape.fields.map((one) => [one.name, beginningIn(one, initial)]));
    case "json":
      return initial === undefined ? "" : JSON.stringify(initial, null, 2);
    default:
      return typeof initial === "string" || typeof initial === "number" ? String(initial) : "";
  }
}

/** The whole object's default takes precedence over its property's. */
function beginningIn(field: Field, whole: unknown): Entered {
  const isObject = typeof whole === "object" && whole !== null && Object.hasOwn(whole, field.name);
  if (!isObject) return beginning(field);
  return beginning({ ...field, initial: (whole as Record<string, unknown>)[field.name] });
}

/** The value to send, or the problems. */
export function readAnswer(field: Field, entered: Entered): Reading {
  const problems = new Map<string, string>();
  const value = read(field, entered, "", problems);
  return problems.size > 0 ? { problems } : { value, problems: null };
}

export function pathOf(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}

function read(field: Field, entered: Entered, path: string, problems: Map<string, string>) {
  if (field.shape.kind === "object") return readObject(field, entered, path, problems);
  if (isEmpty(entered, field)) {
    if (!field.isRequired) return undefined;
    if (field.isNullable) return null;
    if (mayBeEmpty(field.shape)) return field.shape.kind === "text" ? "" : [];
    problems.set(
      path,
      field.shape.kind === "choice" ? "Please choose one." : "Please fill this in.",
    );
    return undefined;
  }
  const found = readShape(field.shape, entered);
  if ("value" in found) return found.value;
  problems.set(path, found.problem);
  return undefined;
}

function readObject(field: Field, entered: Entered, path: string, problems: Map<string, string>) {
  const fields = field.shape.kind === "object" ? field.shape.fields : [];
  const held = typeof entered === "object" && !Array.isArray(entered) ? entered : {};
  const values = held as { readonly [name: string]: Entered };
  const parts: [string, unknown][] = [];
  // An optional object in which nothing was entered is left out.
  const isLeftOut = !field.isRequired && fields.every((one) => isUntouched(one, values[one.name]));
  if (isLeftOut) return undefined;
  for (const one of fields) {
    const part = read(one, values[one.name] ?? "", pathOf(path, one.name), problems);
    if (part !== undefined) parts.push([one.name, part]);
  }
  return Object.fromEntries(parts);
}

function isUntouched(field: Field, entered: Entered | undefined): boolean {
  return entered === undefined || JSON.stringify(entered) === JSON.stringify(beginning(field));
}

function isEmpty(entered: Entered, { shape }: Field): boolean {
  if (Array.isArray(entered)) return entered.length === 0;
  if (typeof entered !== "string") return false;
  return shape.kind === "text" ? entered === "" : entered.trim() === "";
}

function mayBeEmpty(shape: Shape): boolean {
  return (shape.kind === "choices" || shape.kind === "lines") && shape.minItems === 0;
}

function readShape(shape: Shape, entered: Entered): Found<unknown> {
  switch (shape.kind) {
    case "text":
      return readText(shape, String(entered));
    case "number":
      return readNumber(shape, String(entered));
    case "boolean":
      return { value: entered === true };
    case "choice":
      return { value: chosen(shape.options, entered)[0] };
    case "choices":
      return readItems(shape, chosen(shape.options, entered));
    case "lines":
      return readItems(shape, linesOf(String(entered)));
    case "json":
      return readJson(shape, String(entered));
    default:
      return { problem: "Please fill this in." };
  }
}

function readText(shape: Extract<Shape, { kind: "text" }>, text: string): Found<string> {
  const length = [...text].length;
  if (length < shape.minLength)
    return { problem: `At least ${plural(shape.minLength, "character")}.` };
  if (length > shape.maxLength) {
    return { problem: `At most ${plural(shape.maxLength, "character")}; this has ${length}.` };
  }
  if (shape.format === "email" && !/^\S+@\S+$/.test(text))
    return { problem: "Enter an email address." };
  if (shape.format === "url" && !URL.canParse(text))
    return { problem: "Enter a full URL, with https://." };
  if (shape.pattern !== null && fits(shape.pattern, text) === false) {
    return { problem: `This has to match the pattern ${shape.pattern}` };
  }
  return { value: shape.format === "datetime-local" ? withZone(text) : text };
}

/** A local date and time as UTC. */
function withZone(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}

function readNumber(shape: Extract<Shape, { kind: "number" }>, text: string): Found<number> {
  const value = Number(text.trim().replace(",", "."));
  if (!Number.isFinite(value)) return { problem: "This has to be a number, for example 42." };
  if (shape.isInteger && !Number.isInteger(value))
    return { problem: "This has to be a whole number, for example 42." };
  const { minimum, maximum, isAboveMinimum, isBelowMaximum } = shape;
  if (value < minimum || (isAboveMinimum && value === minimum)) {
    return { problem: isAboveMinimum ? `More than ${minimum}.` : `At least ${minimum}.` };
  }
  if (value > maximum || (isBelowMaximum && value === maximum)) {
    return { problem: isBelowMaximum ? `Less than ${maximum}.` : `At most ${maximum}.` };
  }
  if (shape.multipleOf !== null && !isMultiple(value, shape.multipleOf)) {
    return { problem: `A multiple of ${shape.multipleOf}.` };
  }
  return { value };
}

function isMultiple(value: number, step: number): boolean {
  const times = value / step;
  return Math.abs(times - Math.round(times)) < 1e-9;
}

function readItems(
  { minItems, maxItems }: { minItems: number; maxItems: number },
  items: readonly unknown[],
): Found<readonly unknown[]> {
  if (items.length < minItems) return { problem: `At least ${minItems}.` };
  if (items.length > maxItems) return { problem: `At most ${maxItems}; this has ${items.length}.` };
  return { value: items };
}

function readJson({ types }: { types: readonly string[] }, text: string): Found<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `This is not JSON: ${error instanceof Error ? error.message : ""}` };
  }
  const type = typeOf(value);
  const fits =
    types.length === 0 || types.includes(type) || (type === "integer" && types.includes("number"));
  return fits ? { value } : { problem: `Expected ${types.join(" or ")}, this is ${type}.` };
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function indicesOf(options: readonly { value: unknown }[], values: readonly unknown[]): number[] {
  const wanted = values.map((value) => JSON.stringify(value));
  return options.flatMap(({ value }, index) =>
    wanted.includes(JSON.stringify(value)) ? [index] : [],
  );
}

function chosen(options: readonly { value: unknown }[], entered: Entered): unknown[] {
  const indices: readonly number[] = Array.isArray(entered) ? entered : [];
  return indices.flatMap((index) => (index < options.length ? [options[index]?.value] : []));
}

function linesOf(text: string): string[] {
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
}

/** JSON Schemas as tables of fields. Every name of a schema is a link to where it is explained. */

import { h } from "./dom.js";
import { parseInline } from "./markdown_inline.js";

const SEQ_MAX = 2 ** 53 - 1;

/** A line of prose with its code marked. */
export function prose(text) {
  return parseInline(text ?? "").map((node) => (
    typeof node === "string" ? node : h("code", {}, node.text ?? node.children?.join("") ?? "")));
}

/** What a schema allows, in a few words. */
export function typeOf(schema) {
  if (schema === undefined) return ["anything"];
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1);
    return [h("a", { href: `#schema-${name}` }, name)];
  }
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return joined(options.map(typeOf), " or ");
  if (schema.const !== undefined) return [h("code", {}, JSON.stringify(schema.const))];
  if (schema.enum !== undefined) {
    return joined(schema.enum.map((one) => [h("code", {}, JSON.stringify(one))]), " | ");
  }
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items)];
  return [Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type ?? "anything"];
}

/** The fields of an object; null when it has none. */
export function fieldTable(schema, { leaveOut = [] } = {}) {
  const fields = Object.entries(schema.properties ?? {}).filter(([name]) => !leaveOut.includes(name));
  if (fields.length === 0) return null;
  const required = new Set(schema.required ?? []);
  return table(["Field", "Type", "Meaning"], fields.map(([name, field]) => [
    [h("code", {}, name), required.has(name) && h("span", { class: "required", title: "required" },
      " *")],
    typeOf(field), meaning(field),
  ]));
}

export function table(heads, rows) {
  return h("div", { class: "fields", tabindex: "0" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
}

/** What it is for, and its bounds. */
export function meaning(field) {
  const inner = field.anyOf?.find(({ type }) => type !== "null") ?? field;
  const limits = limitsOf({ ...inner, ...field });
  return [
    ...prose(field.description ?? inner.description),
    limits !== "" && h("span", { class: "limits" }, limits),
  ];
}

function limitsOf(schema) {
  const parts = [
    range(schema.minLength, schema.maxLength, "characters"),
    range(schema.minimum, schema.maximum === SEQ_MAX ? undefined : schema.maximum, ""),
    range(schema.minItems, schema.maxItems, "items"),
    range(schema.minProperties, schema.maxProperties, "keys"),
    schema.default !== undefined && schema.default !== null
      && `default ${JSON.stringify(schema.default)}`,
  ];
  return parts.filter(Boolean).join("; ");
}

function range(low, high, unit) {
  const number = (one) => one.toLocaleString("en");
  if (low === undefined && high === undefined) return "";
  if (high === undefined) return `at least ${number(low)} ${unit}`.trim();
  if (low === undefined) return `at most ${number(high)} ${unit}`.trim();
  return `${number(low)} to ${number(high)} ${unit}`.trim();
}

function joined(lists, separator) {
  return lists.flatMap((list, index) => (index === 0 ? list : [separator, ...list]));
}

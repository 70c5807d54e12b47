/** JSON Schemas as tables of fields. The name of a schema links to its entry. */
import type { ComponentChildren } from "preact";
import { Prose } from "../design/prose.tsx";
import type { Schema } from "./documents.ts";

/** The bound of every seq, which is not worth showing. */
const SEQ_MAX = Number.MAX_SAFE_INTEGER;

/** The type that a schema describes, in a few words. */
export function TypeOf({ schema }: { schema: Schema | undefined }): ComponentChildren {
  if (schema === undefined) return "anything";
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1);
    return <a href={`#schema-${name}`}>{name}</a>;
  }
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) {
    return joined(
      options.map((one) => <TypeOf key={one} schema={one} />),
      " or ",
    );
  }
  if (schema.const !== undefined) return <code>{JSON.stringify(schema.const)}</code>;
  if (schema.enum !== undefined) {
    return joined(
      schema.enum.map((one) => <code key={one}>{JSON.stringify(one)}</code>),
      " | ",
    );
  }
  if (schema.type === "array") {
    return (
      <>
        list of <TypeOf schema={schema.items} />
      </>
    );
  }
  return [schema.type ?? "anything"].flat().join(" or ");
}

interface FieldTableProps {
  schema: Schema | undefined;
  leaveOut?: readonly string[];
  /** Rendered if there is no field. */
  otherwise?: ComponentChildren;
}

/** The fields of an object. */
export function FieldTable({ schema = {}, leaveOut = [], otherwise = null }: FieldTableProps) {
  const fields = Object.entries(schema.properties ?? {}).filter(
    ([name]) => !leaveOut.includes(name),
  );
  if (fields.length === 0) return otherwise;
  const required = new Set(schema.required);
  const rows = fields.map(([name, field]) => [
    <NameCell key="name" name={name} isRequired={required.has(name)} />,
    <TypeOf key="type" schema={field} />,
    <Meaning key="meaning" schema={field} />,
  ]);
  return <Table heads={["Field", "Type", "Meaning"]} rows={rows} />;
}

export function NameCell({ name, isRequired }: { name: string; isRequired: boolean }) {
  return (
    <>
      <code>{name}</code>
      {isRequired && (
        <span class="required" title="required">
          {" *"}
        </span>
      )}
    </>
  );
}

interface TableProps {
  heads: readonly string[];
  rows: readonly (readonly ComponentChildren[])[];
}

export function Table({ heads, rows }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <div class="fields" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={heads[column]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A field's description and bounds. */
export function Meaning({ schema }: { schema: Schema }) {
  const inner = schema.anyOf?.find(({ type }) => type !== "null") ?? schema;
  const limits = limitsOf({ ...inner, ...schema });
  return (
    <>
      <Prose text={schema.description ?? inner.description} />
      {limits !== "" && <span class="limits">{limits}</span>}
    </>
  );
}

function limitsOf(schema: Schema): string {
  const parts = [
    range(schema.minLength, schema.maxLength, "characters"),
    range(schema.minimum, schema.maximum === SEQ_MAX ? undefined : schema.maximum, ""),
    range(schema.minItems, schema.maxItems, "items"),
    range(schema.minProperties, schema.maxProperties, "keys"),
    schema.default === undefined || schema.default === null
      ? ""
      : `default ${JSON.stringify(schema.default)}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

function range(low: number | undefined, high: number | undefined, unit: string): string {
  const number = (one: number) => one.toLocaleString("en");
  if (low === undefined && high === undefined) return "";
  if (high === undefined) return `at least ${number(low ?? 0)} ${unit}`.trim();
  if (low === undefined) return `at most ${number(high)} ${unit}`.trim();
  return `${number(low)} to ${number(high)} ${unit}`.trim();
}

function joined(parts: readonly ComponentChildren[], separator: string): ComponentChildren {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part]));
}

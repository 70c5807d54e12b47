/** A given answer in the words of its form: titles instead of names, labels instead of values. Pure. */
import { type Field, inWords } from "./field.ts";

interface Given {
  readonly label: string;
  readonly words: string;
}

/** @param field the form's; an answer that it does not describe is shown as it is */
export function givenWords(field: Field | undefined, value: unknown): string {
  if (Array.isArray(value)) return value.map((one) => givenWords(field, one)).join(", ");
  const options = field && "options" in field.shape ? field.shape.options : [];
  const sent = JSON.stringify(value);
  return options.find((one) => JSON.stringify(one.value) === sent)?.label ?? inWords(value);
}

/** The parts of an answer that is an object; those of an object within have its label in front. */
export function givenParts(field: Field, value: object, before = ""): Given[] {
  const fields = field.shape.kind === "object" ? field.shape.fields : [];
  return Object.entries(value).flatMap(([name, part]) => {
    const one = fields.find((field) => field.name === name);
    const label = before + (one?.label ?? name);
    const isGroup = one?.shape.kind === "object" && typeof part === "object" && part !== null;
    return isGroup ? givenParts(one, part, `${label}: `) : { label, words: givenWords(one, part) };
  });
}

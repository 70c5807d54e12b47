/** Formats times, token counts and values. Pure. */
import { plural } from "../../design/plural.ts";

/** The time, with the date unless it is today. */
export function moment(atS: number, nowMs = Date.now()): string {
  const date = new Date(atS * 1000);
  const isToday = date.toDateString() === new Date(nowMs).toDateString();
  if (isToday) return date.toLocaleTimeString([], { timeStyle: "short" });
  return date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

interface TokenUse {
  /** "1,204 tokens". */
  readonly brief: string;
  /** "900 in, 304 out". */
  readonly detail: string;
}

const INPUT = ["input_tokens", "prompt_tokens"];
const OUTPUT = ["output_tokens", "completion_tokens"];

/** The tokens of an answer, by either of the usual names; null if they are not given. */
export function tokenUse(usage: Readonly<Record<string, unknown>> | null): TokenUse | null {
  if (usage === null) return null;
  const input = amount(usage, INPUT);
  const output = amount(usage, OUTPUT);
  const total = amount(usage, ["total_tokens"]) ?? sum(input, output);
  if (total === null) return null;
  const parts = [
    input === null ? null : `${input.toLocaleString("en")} in`,
    output === null ? null : `${output.toLocaleString("en")} out`,
  ];
  return {
    brief: plural(total, "token"),
    detail: parts.filter((part) => part !== null).join(", "),
  };
}

function amount(usage: Readonly<Record<string, unknown>>, names: readonly string[]): number | null {
  const found = names.map((name) => usage[name]).find((value) => typeof value === "number");
  return typeof found === "number" ? found : null;
}

function sum(one: number | null, other: number | null): number | null {
  return one === null && other === null ? null : (one ?? 0) + (other ?? 0);
}

const BRIEF_MAX_CHARACTERS = 120;

/** A tool's arguments in one line. */
export function briefly(value: unknown): string {
  if (value === undefined || value === null) return "";
  const values = typeof value === "object" ? Object.values(value) : [value];
  const texts = values.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
  return texts.join(", ").replaceAll(/\s+/g, " ").slice(0, BRIEF_MAX_CHARACTERS);
}

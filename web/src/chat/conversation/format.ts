/** Formats times, token counts and values. Pure. */
import type { RunView } from "@threadcast/client";
import { durationOfMs } from "../../design/durations.ts";
import { plural } from "../../design/plural.ts";

/** The time, with the date unless it is today. */
export function moment(atS: number, nowMs = Date.now()): string {
  const date = new Date(atS * 1000);
  const isToday = date.toDateString() === new Date(nowMs).toDateString();
  if (isToday) return date.toLocaleTimeString([], { timeStyle: "short" });
  return date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** A duration as the protocol gives it, in whole milliseconds. */
export function took(ms: number): string {
  return ms < 1 ? "< 1 ms" : durationOfMs(ms);
}

export interface WorkTime {
  readonly workMs: number;
  /** While a person was asked, which is no part of it. */
  readonly waitedMs: number;
}

/** How long the last attempt of an ended run worked; null if that is not known. */
export function workTime({ steps, startedAt, durationMs }: RunView): WorkTime | null {
  if (durationMs === null) return null;
  let upTo = startedAt ?? 0;
  const end = upTo + durationMs / 1_000;
  let waitedS = 0;
  for (const step of steps) {
    if (step.kind !== "input") continue;
    const from = Math.max(upTo, step.startedAt);
    const to = Math.min(end, step.answeredAt ?? step.expiresAt);
    if (to <= from) continue;
    waitedS += to - from;
    upTo = to;
  }
  const waitedMs = Math.round(waitedS * 1_000);
  return { workMs: Math.max(0, durationMs - waitedMs), waitedMs };
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

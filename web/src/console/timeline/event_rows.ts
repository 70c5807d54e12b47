/** A run's events as rows: consecutive deltas, or thoughts, are one row. Pure. */
import { type RunEvent, textOf } from "./waterfall.ts";

export interface EventRow {
  readonly first: RunEvent;
  readonly last: RunEvent;
  readonly events: number;
  /** Its data, or the sizes of what is hidden. */
  readonly says: string;
}

const JOINED = new Set(["agent_delta", "agent_thinking"]);
const SAYS_MAX_CHARACTERS = 300;

export function eventRows(events: readonly RunEvent[]): EventRow[] {
  const rows: EventRow[] = [];
  for (const event of events) {
    const before = rows.at(-1);
    if (before !== undefined && JOINED.has(event.type) && before.last.type === event.type) {
      rows[rows.length - 1] = { ...before, last: event, events: before.events + 1 };
    } else {
      rows.push({ first: event, last: event, events: 1, says: "" });
    }
  }
  let next = 0;
  return rows.map((row) => {
    const own = events.slice(next, next + row.events);
    next += row.events;
    return { ...row, says: saysOf(own) };
  });
}

function saysOf(own: readonly RunEvent[]): string {
  const [first] = own;
  if (first === undefined) return "";
  if (JOINED.has(first.type)) return joinedText(own);
  const shown = Object.entries(first.data).map(([name, value]) => `${name}: ${shortly(value)}`);
  const hidden = Object.entries(first.hidden).map(([name, size]) => `${name}: ${size} bytes`);
  return [...shown, ...hidden].join(", ");
}

function joinedText(own: readonly RunEvent[]): string {
  const text = own.map((event) => textOf(event, "text")).join("");
  if (text !== "") return cut(text);
  const size = own.reduce((sum, event) => sum + event.textBytes, 0);
  return `text: ${size} bytes`;
}

function shortly(value: unknown): string {
  return cut(typeof value === "string" ? value : JSON.stringify(value));
}

function cut(text: string): string {
  return text.length <= SAYS_MAX_CHARACTERS ? text : `${text.slice(0, SAYS_MAX_CHARACTERS)}…`;
}

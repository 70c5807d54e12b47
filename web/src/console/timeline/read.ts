/** Reads a run's events from the journal, page by page, and follows an active run. */
import type { Timeline, TimelineEvent } from "../ops.ts";
import type { Server } from "../server.ts";
import type { RunEvent } from "./waterfall.ts";

const PAGE_MAX_EVENTS = 200;
/** Pages per poll; the next poll continues. */
const PAGES_MAX = 20;
/** Later events of a run are not shown. */
const EVENTS_MAX = 20_000;

export interface RunEvents {
  readonly events: readonly RunEvent[];
  /** The cursor of the last event read. */
  readonly after: number;
  /** Whether they include texts. */
  readonly hasContent: boolean;
  /** Whether the journal has more to read. */
  readonly hasMore: boolean;
  /** Whether the run has ended. */
  readonly isOver: boolean;
}

export async function readOn(
  server: Server,
  runId: string,
  before: RunEvents | null,
): Promise<RunEvents> {
  let read = before ?? { events: [], after: 0, hasContent: false, hasMore: true, isOver: false };
  if (read.isOver && !read.hasMore) return read;
  for (let page = 0; page < PAGES_MAX && read.events.length < EVENTS_MAX; page += 1) {
    const path = `ops/runs/${encodeURIComponent(runId)}/timeline`;
    const wanted = { after: read.after, limit: PAGE_MAX_EVENTS };
    read = joined(read, await server.get<Timeline>(path, wanted));
    if (!read.hasMore) break;
  }
  return read;
}

function joined(read: RunEvents, page: Timeline): RunEvents {
  const events = page.events.map((event) => ({
    seq: event.seq,
    at: event.timestamp,
    type: event.event_type,
    data: event.data,
    hidden: event.left_out,
    textBytes: textBytesOf(event),
  }));
  return {
    events: events.length === 0 ? read.events : [...read.events, ...events],
    after: page.next ?? page.seq,
    hasContent: page.content,
    hasMore: page.next !== null,
    isOver: page.ended,
  };
}

function textBytesOf({ data, left_out: hidden }: TimelineEvent): number {
  const { text } = data;
  return hidden.text ?? (typeof text === "string" ? new TextEncoder().encode(text).length : 0);
}

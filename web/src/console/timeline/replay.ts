/**
 * The state of a replay: a position in the run's time, which moves at a pace. Pure; the caller of
 * `advanced` has the clock.
 */
import type { RunEvent } from "./waterfall.ts";
import { hasEnded, textOf } from "./waterfall.ts";

/** Playback speeds. */
export const PACES = [1, 2, 10] as const;
export type Pace = (typeof PACES)[number];

export interface Replay {
  /** Seconds since the epoch, between the first event and the last. */
  readonly position: number;
  readonly pace: Pace;
  readonly isPlaying: boolean;
}

/** The time of a run, from its first event to its last. */
export interface Extent {
  readonly from: number;
  readonly to: number;
}

export function extentOf(events: readonly RunEvent[]): Extent {
  const [first, last] = [events[0], events.at(-1)];
  return { from: first?.at ?? 0, to: last?.at ?? 0 };
}

/** After this many seconds of real time; stops at the end. */
export function advanced(replay: Replay, seconds: number, extent: Extent): Replay {
  if (!replay.isPlaying) return replay;
  const position = Math.min(extent.to, replay.position + seconds * replay.pace);
  return { ...replay, position, isPlaying: position < extent.to };
}

/** Paused, or playing; from the end, it plays from the beginning. */
export function toggled(replay: Replay, extent: Extent): Replay {
  const position = replay.position >= extent.to ? extent.from : replay.position;
  return {
    ...replay,
    position: replay.isPlaying ? replay.position : position,
    isPlaying: !replay.isPlaying,
  };
}

/** Paused at the next (`1`) or previous (`-1`) event. */
export function stepped(replay: Replay, events: readonly RunEvent[], way: 1 | -1): Replay {
  const times = events.map((event) => event.at);
  const next =
    way === 1
      ? times.find((at) => at > replay.position)
      : times.findLast((at) => at < replay.position);
  return { ...replay, isPlaying: false, position: next ?? replay.position };
}

/** What the user saw of the run at a moment. */
export interface Picture {
  /** How many events there were. */
  readonly events: number;
  readonly doing: string;
  /** The text streamed so far; empty for operators without the scope `content`. */
  readonly text: string;
  /** The number of deltas, and their total size. */
  readonly pieces: number;
  readonly bytes: number;
}

/** The run at a moment. */
export function pictureAt(events: readonly RunEvent[], position: number): Picture {
  const past = events.filter((event) => event.at <= position);
  const attemptBegan = past.findLastIndex((event) => event.type === "agent_started");
  const pieces = past.slice(attemptBegan + 1).filter((event) => event.type === "agent_delta");
  const answer = past.findLast((event) => event.type === "agent_completed");
  const streamed = pieces.map((event) => textOf(event, "text")).join("");
  return {
    events: past.length,
    doing: past.length === 0 ? "Nothing yet" : doingAfter(past.at(-1), hasEnded(past)),
    text: (answer && textOf(answer, "content")) || streamed,
    pieces: pieces.length,
    bytes: pieces.reduce((sum, event) => sum + event.textBytes, 0),
  };
}

const DOING: Record<string, string> = {
  message_created: "Waiting for a runner",
  run_queued: "Waiting for the runs before it",
  agent_started: "Started",
  agent_thinking: "Thinking",
  agent_delta: "Answering",
  tool_completed: "Continuing after a tool",
  input_requested: "Waiting for a person",
  input_received: "Continuing with a person's answer",
  agent_completed: "Completed",
  agent_failed: "Failed",
  agent_cancelled: "Cancelled",
};

function doingAfter(last: RunEvent | undefined, isOver: boolean): string {
  if (last === undefined) return "";
  if (last.type === "tool_executing") return `Calling ${textOf(last, "tool") || "a tool"}`;
  return DOING[last.type] ?? (isOver ? "Ended" : "Working");
}

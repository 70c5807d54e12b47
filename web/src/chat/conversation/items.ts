/** The items of a conversation: runs, then messages that are still in the outbox. Pure. */
import type { History, OutboxEntry, RunView } from "@threadcast/client";
import { textOf } from "@threadcast/client/chat";

const NO_ENTRIES: readonly OutboxEntry[] = [];

interface Place {
  readonly threadId: string | null;
  /** The new conversation's `draft` in the outbox. */
  readonly draft: string;
  readonly history: History | null;
}

/** This conversation's messages in the outbox that its history does not include yet. */
export function pendingOf(
  outbox: readonly OutboxEntry[],
  { threadId, draft, history }: Place,
): readonly OutboxEntry[] {
  const here = outbox.filter(
    (entry) =>
      entry.kind === "message" &&
      (threadId === null ? entry.draft === draft : entry.thread === threadId),
  );
  if (here.length === 0) return NO_ENTRIES;
  const runs = [...(history?.runs.values() ?? [])];
  const sent = new Set(runs.map(({ message }) => message?.clientMessageId));
  return here.filter(({ key }) => !sent.has(key));
}

/** A run's entries in the outbox: answers to its questions, and its cancellation. */
export function entriesOf(outbox: readonly OutboxEntry[], runId: string): readonly OutboxEntry[] {
  const found = outbox.filter((entry) => entry.runId === runId);
  return found.length === 0 ? NO_ENTRIES : found;
}

const FRAME_PX = 120;
const LINE_PX = 25;
const LINE_CHARACTERS = 78;
const STEP_PX = 44;
const ESTIMATE_MAX_PX = 40_000;

/** Estimates the height of a run that was not measured yet, in pixels. */
export function heightOf(run: RunView | undefined): number {
  if (run === undefined) return FRAME_PX;
  const lines = linesOf(run.message?.content ?? "") + linesOf(textOf(run));
  const steps = run.steps.filter(({ kind }) => kind !== "text").length;
  return Math.min(ESTIMATE_MAX_PX, FRAME_PX + lines * LINE_PX + steps * STEP_PX);
}

function linesOf(text: string): number {
  let breaks = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) breaks += 1;
  return Math.ceil(text.length / LINE_CHARACTERS) + breaks / 2;
}

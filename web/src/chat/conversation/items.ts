/** What a conversation lists: runs, then messages that are not in the journal yet. Pure. */
import type { History, OutboxEntry, RunView } from "@threadcast/client";
import { textOf } from "@threadcast/client/chat";

const NO_ENTRIES: readonly OutboxEntry[] = [];

interface Place {
  readonly threadId: string | null;
  /** What the new conversation is called in the outbox. */
  readonly draft: string;
  readonly history: History | null;
}

/** Messages of this conversation that its history does not have. */
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

/** Answers to a run's questions, and its cancellation, that are still under way. */
export function entriesOf(outbox: readonly OutboxEntry[], runId: string): readonly OutboxEntry[] {
  const found = outbox.filter((entry) => entry.runId === runId);
  return found.length === 0 ? NO_ENTRIES : found;
}

const FRAME_PX = 120;
const LINE_PX = 25;
const LINE_CHARACTERS = 78;
const STEP_PX = 44;
const ESTIMATE_MAX_PX = 40_000;

/** A guess of how high a run is, before it was ever seen. */
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

/** A run's steps as shown: adjacent thoughts are one piece. Pure. */
import type {
  InputStep,
  RunView,
  Step,
  TextStep,
  ThinkingStep,
  ToolStep,
} from "@threadcast/client";
import { isActive } from "@threadcast/client/chat";

export interface Thoughts {
  readonly kind: "thoughts";
  readonly texts: readonly string[];
  /** Seconds since the epoch. */
  readonly startedAt: number;
  /** Null while they go on, and if their end is not known. */
  readonly endedAt: number | null;
  readonly isOngoing: boolean;
}

/** A step is the run's own object, so that an unchanged piece is not rendered again. */
export interface Piece {
  readonly key: string;
  readonly of: Thoughts | TextStep | ToolStep | InputStep;
}

export function piecesOf(run: RunView): Piece[] {
  const pieces: Piece[] = [];
  const { steps } = run;
  for (let at = 0; at < steps.length; at += 1) {
    const step = steps[at];
    if (step === undefined) continue;
    if (step.kind !== "thinking") {
      pieces.push({ key: keyOf(step, run.attempt, pieces.length), of: step });
      continue;
    }
    let end = at;
    while (steps[end + 1]?.kind === "thinking") end += 1;
    const key = `${run.attempt} thoughts ${pieces.length}`;
    pieces.push({ key, of: thoughtsOf(run, at, end) });
    at = end;
  }
  return pieces;
}

/** A question keeps its key over attempts; other steps belong to one attempt. */
function keyOf(step: Step, attempt: number, index: number): string {
  if (step.kind === "input") return step.id;
  return step.kind === "tool" ? `${attempt} ${step.id}` : `${attempt} ${step.kind} ${index}`;
}

function thoughtsOf(run: RunView, start: number, end: number): Thoughts {
  const steps = run.steps.slice(start, end + 1) as ThinkingStep[];
  const next = run.steps[end + 1];
  return {
    kind: "thoughts",
    texts: steps.map(({ text }) => text),
    startedAt: steps[0]?.startedAt ?? 0,
    endedAt: next === undefined ? endOf(run) : startOf(next),
    isOngoing: next === undefined && run.status === "running",
  };
}

function startOf(step: Step): number | null {
  return "startedAt" in step && typeof step.startedAt === "number" ? step.startedAt : null;
}

function endOf(run: RunView): number | null {
  if (isActive(run) || run.startedAt === null || run.durationMs === null) return null;
  return run.startedAt + run.durationMs / 1000;
}

/**
 * Announces a streamed answer to screen readers in whole sentences, at intervals. A live region on
 * the text itself would be read from the beginning with every delta.
 */

import { type Signal, signal } from "@preact/signals";
import type { RunView } from "@threadcast/client";
import { isActive, textOf } from "@threadcast/client/chat";
import { failureWords } from "./failure.ts";
import { plainPart } from "./markdown/plain.ts";

const PAUSE_MS = 2_000;
const RUNS_MAX = 200;
/** Spaces follow sentences, except in Chinese and Japanese. */
const SENTENCE_END = /[.!?:؟।](?=\s)|[。！？]|\n/g;

interface Part {
  readonly runId: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

interface Known {
  readonly run: RunView;
  /** How much of its text was announced, or is queued, in UTF-16 units. */
  readonly length: number;
}

export class Announcer {
  /** The content of a polite live region. */
  readonly words: Signal<string> = signal("");
  readonly #known = new Map<string, Known>();
  #waiting: (string | Part)[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** Drop what is queued, and forget all runs. */
  hush() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
    this.#known.clear();
    this.words.value = "";
  }

  /** Announce what is new in a run. A run that had ended when first seen is old news. */
  tell(run: RunView) {
    const known = this.#known.get(run.id);
    const hasEnded = !isActive(run);
    if (known?.run === run || (known === undefined && hasEnded)) return;
    const start = known?.run.attempt === run.attempt ? known.length : 0;
    const text = textOf(run);
    const end = hasEnded ? text.length : lastSentenceEnd(text, start);
    if (end > start) this.#sayPart({ runId: run.id, text, start, end });
    if (known?.run.status !== run.status) this.#sayStatus(run);
    if (hasEnded) this.#known.delete(run.id);
    else this.#remember(run, Math.max(start, end));
  }

  #remember(run: RunView, length: number) {
    this.#known.set(run.id, { run, length });
    const [oldest] = this.#known.keys();
    if (this.#known.size > RUNS_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  #sayStatus(run: RunView) {
    if (run.status === "failed") this.#say(failureWords(run));
    if (run.status === "cancelled") this.#say("Stopped.");
    if (run.status !== "waiting") return;
    const question = run.steps.findLast((step) => step.kind === "input");
    if (question?.kind === "input") this.#say(`A question for you: ${question.prompt}`);
  }

  #sayPart(part: Part) {
    const last = this.#waiting.at(-1);
    const continues =
      typeof last === "object" && last.runId === part.runId && last.end === part.start;
    if (continues) this.#waiting[this.#waiting.length - 1] = { ...part, start: last.start };
    else this.#say(part);
  }

  #say(something: string | Part) {
    this.#waiting.push(something);
    this.#timer ??= setTimeout(() => {
      const words = this.#waiting.map((one) =>
        typeof one === "string" ? one : plainPart(one.text, one.start, one.end),
      );
      this.#timer = null;
      this.#waiting = [];
      this.words.value = words.join(" ").trim();
    }, PAUSE_MS);
  }
}

/** The end of the last whole sentence after `start`; `start` if there is none. */
function lastSentenceEnd(text: string, start: number): number {
  let end = start;
  for (const found of text.slice(start).matchAll(SENTENCE_END)) end = start + found.index + 1;
  return end;
}

/**
 * Says to screen readers what is streamed, in whole sentences and not too often: a live region on
 * the text itself would start again with every word.
 */

import { setText } from "./dom.js";
import { FINAL, textOf } from "./history.js";
import { plainPart } from "./markdown_plain.js";

const PAUSE_MS = 2_000;
const SENTENCE_END = /[.!?:](?=\s)|\n/g;

const said = new Map();
/** What is to be said next: words, or parts `{ runId, text, start, end }` of a Markdown text. */
let waiting = [];
let timer = null;

/** Say this now, in place of what waits to be said. */
export function announce(words) {
  clearTimeout(timer);
  timer = null;
  waiting = [];
  setText(region(), words);
}

/** Say nothing, and forget all that was said and would have been. */
export function hush() {
  announce("");
  said.clear();
}

/** Say what is new of a run that goes on; runs that had ended when they were first seen are old. */
export function announceRun(run) {
  const isFinal = FINAL.has(run.status);
  const known = said.get(run.id);
  if (known === undefined && isFinal) return;
  if (known?.run === run) return;
  const start = known?.attempt === run.attempt ? known.length : 0;
  const text = textOf(run);
  const end = isFinal ? text.length : lastSentenceEnd(text);
  if (end > start) sayPart({ runId: run.id, text, start, end });
  if (run.status === "failed" && known?.run.status !== "failed") say(run.failure.message);
  if (run.status === "waiting" && known?.run.status !== "waiting") {
    say(run.steps.findLast(({ kind }) => kind === "input").prompt);
  }
  if (run.status === "cancelled" && known?.run.status !== "cancelled") say("Stopped.");
  if (isFinal) said.delete(run.id);
  else said.set(run.id, { run, attempt: run.attempt, length: Math.max(start, end) });
}

function lastSentenceEnd(text) {
  let end = 0;
  for (const found of text.matchAll(SENTENCE_END)) end = found.index + 1;
  return end;
}

function sayPart(part) {
  const last = waiting.at(-1);
  const continues = last?.runId === part.runId && last.end === part.start;
  if (continues) waiting[waiting.length - 1] = { ...part, start: last.start };
  else say(part);
}

function say(something) {
  waiting.push(something);
  timer ??= setTimeout(() => {
    const words = waiting.map((one) => (
      typeof one === "string" ? one : plainPart(one.text, one.start, one.end)));
    announce(words.join(" ").trim());
  }, PAUSE_MS);
}

function region() {
  return document.getElementById("announcements");
}

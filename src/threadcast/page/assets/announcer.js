/**
 * Says to screen readers what is streamed, in whole sentences and not too often: a live region on
 * the text itself would start again with every word.
 */

import { setText } from "./dom.js";
import { FINAL, textOf } from "./history.js";

const PAUSE_MS = 2_000;
const SENTENCE_END = /[.!?:](?=\s)|\n/g;

const said = new Map();
let waiting = "";
let timer = null;

/** Say this now, in place of what waits to be said. */
export function announce(text) {
  clearTimeout(timer);
  timer = null;
  waiting = "";
  setText(region(), text);
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
  if (end > start) say(text.slice(start, end));
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

function say(text) {
  waiting += ` ${text}`;
  timer ??= setTimeout(() => {
    setText(region(), waiting.trim());
    waiting = "";
    timer = null;
  }, PAUSE_MS);
}

function region() {
  return document.getElementById("announcements");
}

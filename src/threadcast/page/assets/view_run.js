/** One message and what answered it. Elements are made once and then changed, never remade. */

import { h, setChildren, setText } from "./dom.js";
import { FINAL, textOf } from "./history.js";
import { copyCode, showMarkdown } from "./markdown.js";
import { inputView } from "./view_input.js";
import { duration, statusView, thinkingView, toolView } from "./view_steps.js";

/**
 * @param actions `{ answer(runId, inputId, value), sendAgain(content) }`
 */
export function runView(runId, actions) {
  const message = messageView();
  const restarted = h("p", { class: "restarted" });
  const steps = h("div", { class: "steps" });
  const status = statusView({ onRetry: () => actions.sendAgain(shown.run.message.content) });
  const footer = h("p", { class: "footer" });
  const answer = h("div", { class: "answer", role: "group", "aria-label": "Answer" },
    restarted, steps, status.element, footer);
  const element = h("article", { class: "run" }, message.element, answer);
  const views = new Map();
  let shown = { run: null, entries: null };
  answer.addEventListener("click", copyCode);

  function stepViews(run, find) {
    const isStreaming = !FINAL.has(run.status);
    const pieces = joinThoughts(run.steps);
    const wanted = pieces.map((step, index) => {
      const name = step.id ?? `${step.kind} ${index}`;
      const key = step.kind === "input" ? name : `${run.attempt} ${name}`;
      if (!views.has(key)) views.set(key, stepView(step, runId, actions));
      const view = views.get(key);
      if (step.kind === "text") view.update(step, isStreaming && index === pieces.length - 1);
      else view.update(step, step.kind === "input" ? find(`${runId} ${step.id}`) : undefined);
      return view.element;
    });
    setChildren(steps, wanted);
    for (const [key, view] of views) if (!wanted.includes(view.element)) views.delete(key);
  }

  return {
    element,
    update(run, { entries, find, isOffline }) {
      if (shown.run === run && shown.entries === entries && shown.isOffline === isOffline) return;
      shown = { run, entries, isOffline };
      message.update(run.message);
      element.dataset.status = run.status;
      restarted.hidden = run.attempt < 2;
      setText(restarted, `The server restarted; starting again (attempt ${run.attempt}).`);
      stepViews(run, find);
      const isStopping = find(runId) !== undefined && !FINAL.has(run.status);
      status.update(run, { isStopping, isOffline });
      footer.hidden = run.status !== "completed" || textOf(run) === "";
      setText(footer, duration(run.durationMs));
    },
  };
}

/** A message that the server has not confirmed yet. */
export function entryView(key, actions) {
  const message = messageView();
  const note = h("span");
  const again = h("button", { class: "quiet", type: "button", onclick: () => actions.retry(key) },
    "Try again");
  const discard = h("button", { class: "quiet", type: "button", onclick: () => actions.discard(key) },
    "Discard");
  const status = h("p", { class: "run-status", role: "status" });
  const element = h("article", { class: "run pending" }, message.element, status);
  return {
    element,
    update(entry, { isOffline }) {
      const isRefused = entry.status === "refused";
      message.update({ content: entry.content, timestamp: entry.createdAt });
      status.dataset.kind = isRefused ? "bad" : "ended";
      setText(note, noteOf(entry, isOffline));
      status.hidden = note.textContent === "";
      setChildren(status, [note, isRefused && again, isRefused && discard]);
    },
  };
}

function noteOf(entry, isOffline) {
  if (entry.status === "refused") return `Not sent: ${entry.error}`;
  if (entry.error !== null && entry.status === "waiting") return `${entry.error} Trying again…`;
  return isOffline ? "Will be sent when the connection is back." : "";
}

function messageView() {
  const text = h("div", { class: "bubble", dir: "auto" });
  const time = h("time");
  const element = h("div", { class: "message", role: "group", "aria-label": "Your message" },
    text, time);
  return {
    element,
    update(message) {
      element.hidden = message === null;
      if (message === null) return;
      setText(text, message.content);
      const date = new Date(message.timestamp * 1000);
      time.dateTime = date.toISOString();
      setText(time, date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
    },
  };
}

function stepView(step, runId, actions) {
  if (step.kind === "thinking") return thinkingView();
  if (step.kind === "tool") return toolView();
  if (step.kind === "input") {
    return inputView({ onAnswer: (value) => actions.answer(runId, step.id, value) });
  }
  const element = h("div", { class: "prose", dir: "auto" });
  let shown = null;
  return {
    element,
    update(text, isStreaming) {
      if (shown?.text === text.text && shown.isStreaming === isStreaming) return;
      shown = { text: text.text, isStreaming };
      element.classList.toggle("streaming", isStreaming);
      showMarkdown(element, text.text, isStreaming);
    },
  };
}

function joinThoughts(steps) {
  const joined = [];
  for (const step of steps) {
    const last = joined.at(-1);
    if (step.kind !== "thinking") joined.push(step);
    else if (last?.kind === "thinking") last.texts.push(step.text);
    else joined.push({ kind: "thinking", texts: [step.text] });
  }
  return joined;
}

/** What a run does beside speaking, shown: thoughts, tool calls, and how it stands. */

import { h, icon, setChildren, setText } from "./dom.js";

/** A fold with an agent's thoughts; neighbouring ones are shown in one. */
export function thinkingView() {
  const body = h("div", { class: "step-body" });
  const element = h("details", { class: "step thinking" },
    h("summary", {}, icon("thought"), h("span", { class: "step-title" }, "Thoughts")), body);
  return {
    element,
    update(step) {
      setChildren(body, step.texts.map((text, index) => (
        body.children[index]?.textContent === text ? body.children[index] : h("p", {}, text))));
    },
  };
}

const TOOL_STATES = {
  running: "running", completed: "", failed: "failed", abandoned: "not finished",
};

/** A tool call: its name and state, and folded away what it was given and what came of it. */
export function toolView() {
  const name = h("span", { class: "step-title" });
  const brief = h("span", { class: "step-brief" });
  const state = h("span", { class: "step-state" });
  const body = h("div", { class: "step-body" });
  const summary = h("summary", {}, icon("tool"), name, brief, state);
  const element = h("details", { class: "step tool" }, summary, body);
  let shown = null;
  return {
    element,
    update(step) {
      if (step === shown) return;
      shown = step;
      element.dataset.status = step.status;
      setText(name, step.tool);
      setText(brief, briefly(step.arguments));
      setText(state, TOOL_STATES[step.status] || duration(step.durationMs));
      setChildren(body, [
        section("Arguments", step.arguments),
        step.status === "failed" ? section("Error", step.result) : section("Result", step.result),
      ]);
    },
  };
}

/** The line that says what is happening, or how it ended when it ended badly. */
export function statusView({ onRetry }) {
  const text = h("span");
  const retry = h("button", { class: "quiet", type: "button", onclick: onRetry }, "Try again");
  const element = h("p", { class: "run-status" });
  return {
    element,
    update(run, { isStopping, isOffline }) {
      const { kind, words } = describe(run, { isStopping, isOffline });
      element.hidden = words === "";
      element.dataset.kind = kind;
      setText(text, words);
      const mayRetry = run.status === "failed" || run.status === "cancelled";
      setChildren(element, [kind === "busy" && dots(element), text, mayRetry && retry]);
    },
  };
}

export function duration(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 950) return `${Math.max(1, Math.round(ms))} ms`;
  return ms < 59_500 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

function describe(run, { isStopping, isOffline }) {
  if (run.status === "failed") return { kind: "bad", words: run.failure.message };
  if (run.status === "cancelled") return { kind: "ended", words: "Stopped." };
  if (run.status === "completed") return { kind: "ended", words: "" };
  if (isStopping) return { kind: "busy", words: "Stopping…" };
  if (isOffline) return { kind: "ended", words: "" };
  if (run.status === "queued") {
    const words = run.position > 0 ? "Waiting for the answer before…" : "Waiting…";
    return { kind: "busy", words };
  }
  const last = run.steps.at(-1);
  const isQuiet = last === undefined || last.kind === "thinking"
    || (last.kind === "tool" && last.status !== "running");
  return { kind: "busy", words: run.status === "running" && isQuiet ? "Working…" : "" };
}

function dots(element) {
  return element.querySelector(".dots") ?? h("span", { class: "dots", "aria-hidden": "true" },
    h("i"), h("i"), h("i"));
}

function section(title, value) {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return h("section", {}, h("h4", {}, title), h("pre", { tabindex: "0" }, text));
}

function briefly(value) {
  if (value === null || typeof value !== "object") return value === undefined ? "" : String(value);
  const texts = Object.values(value).map((one) => (
    typeof one === "string" ? one : JSON.stringify(one)));
  return texts.join(", ").replaceAll(/\s+/g, " ").slice(0, 120);
}

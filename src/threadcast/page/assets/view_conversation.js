/** The conversation of the open thread: its runs, what waits to be sent, and where one looks. */

import { announce, announceRun } from "./announcer.js";
import { h, setChildren } from "./dom.js";
import { Follower } from "./follower.js";
import { entryView, runView } from "./view_run.js";

/**
 * @param place the scrolling element
 * @param jump the button that leads to the latest
 * @param actions what the views may ask for
 */
export function conversationView(place, jump, actions) {
  const list = h("div", { class: "runs", role: "log", "aria-live": "off" });
  const earlier = h("button", { class: "quiet earlier", type: "button", onclick: actions.earlier },
    "Show earlier messages");
  const note = h("p", { class: "note loading" }, "Loading…");
  const failed = h("p", { class: "note" }, "This conversation could not be read. ",
    h("button", { class: "quiet", type: "button", onclick: actions.read }, "Try again"));
  const missing = missingView(actions);
  const empty = emptyView(actions);
  const follower = new Follower(place, jump);
  const views = new Map();
  let openKey = null;
  place.append(list);

  function viewOf(key, make) {
    if (!views.has(key)) views.set(key, make());
    return views.get(key);
  }

  function open(key) {
    if (key === openKey) return;
    openKey = key;
    views.clear();
    announce("");
    follower.follow();
  }

  function elements({ history, failure, entries, context, isDraft }) {
    if (failure === "missing") return [missing];
    const runs = (history?.order ?? []).map((id) => {
      const view = viewOf(id, () => runView(id, actions));
      const run = history.runs[id];
      view.update(run, context);
      announceRun(run);
      return view.element;
    });
    const pending = entries.map((entry) => {
      const view = viewOf(entry.key, () => entryView(entry.key, actions));
      view.update(entry, context);
      return view.element;
    });
    if (isDraft && pending.length === 0) return [empty];
    const isUnread = history === null && !isDraft;
    return [
      isUnread && (failure === null ? note : failed), history?.hasEarlier && earlier, runs, pending,
    ];
  }

  return {
    /** @param model `{ key, history, failure, entries, context, isDraft }` */
    update(model) {
      open(model.key);
      const wasMissing = missing.isConnected;
      follower.keep(() => setChildren(list, elements(model)));
      // The box that had the focus is gone.
      if (missing.isConnected && !wasMissing) missing.querySelector("button").focus();
    },
    follow: () => follower.follow(),
  };
}

function missingView(actions) {
  return h("div", { class: "empty", role: "alert" },
    h("h2", {}, "This conversation does not exist."),
    h("p", {}, "It may have been deleted, or the link may be somebody else’s."),
    h("button", { class: "primary", type: "button", onclick: actions.startNew },
      "Start a new conversation"));
}

function emptyView(actions) {
  const suggestions = actions.suggestions.map((text) => (
    h("button", { type: "button", onclick: () => actions.suggest(text) }, text)));
  return h("div", { class: "empty" },
    h("h2", {}, "What can I do for you?"),
    h("p", {}, "Ask something. The answer appears as it is made, on every screen you are ",
      "signed in on."),
    suggestions.length > 0 && h("div", { class: "suggestions" }, suggestions));
}

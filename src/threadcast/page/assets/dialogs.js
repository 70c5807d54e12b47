/** Questions to the person at the screen; each resolves when it is answered or dismissed. */

import { h } from "./dom.js";

/** Ask for a line of text; null when it was dismissed. */
export function askText({ title, value, maxlength, action }) {
  const field = h("input", { type: "text", maxlength, required: true, "aria-label": title });
  field.value = value;
  return ask(title, field, action, "primary", () => field.value.trim() || null);
}

/** Ask whether to do something; true or null. */
export function askWhether({ title, text, action }) {
  return ask(title, h("p", {}, text), action, "danger", () => true);
}

/** Dismiss the question that is open, if any. */
export function dismissQuestion() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close("dismiss");
}

function ask(title, content, action, kind, read) {
  const form = h("form", { method: "dialog" },
    h("h2", {}, title), content,
    h("div", { class: "buttons" },
      h("button", { type: "submit", value: "dismiss", formnovalidate: true }, "Cancel"),
      h("button", { type: "submit", value: "act", class: kind }, action)));
  const dialog = h("dialog", { "aria-label": title }, form);
  // The first button would answer Enter; the person means the action.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    if (form.reportValidity()) dialog.close("act");
  });
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "act" ? read() : null);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("input")?.select();
  });
}

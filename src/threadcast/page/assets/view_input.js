/** A run's question as a small form, from a simple JSON schema; what is not simple is JSON text. */

import { h, setChildren, setText } from "./dom.js";

const FIELDS_MAX = 12;

/** @param onAnswer called with the value that the person gave */
export function inputView({ onAnswer }) {
  const prompt = h("p", { class: "prompt" });
  const place = h("div");
  const note = h("p", { class: "note", role: "status" });
  const element = h("section", { class: "step input", "aria-label": "A question for you" },
    prompt, place, note);
  let form = null;
  return {
    element,
    /** @param entry the answer that is under way, or undefined */
    update(step, entry) {
      const isOpen = step.status === "open";
      setText(prompt, step.prompt);
      if (form === null && isOpen) form = makeForm(step, onAnswer);
      element.dataset.status = step.status;
      if (isOpen && form !== null) {
        const isBusy = entry !== undefined && entry.status !== "refused";
        form.disabled = isBusy;
        setChildren(place, [form]);
        setText(note, entry?.error ?? (isBusy ? "Sending…" : until(step.expiresAt)));
      } else {
        setChildren(place, []);
        const answered = `Answered: ${inWords(step.value)}`;
        setText(note, step.status === "answered" ? answered : "This question is closed.");
      }
    },
  };
}

/** The form for a question; its root is a fieldset, so that it can be disabled as one. */
function makeForm(step, onAnswer) {
  const schema = step.schema ?? { type: "string" };
  const choices = choicesOf(schema);
  if (choices !== null && choices.length <= 5) {
    return h("fieldset", { class: "choices" }, choices.map(({ label, value }) => (
      h("button", { type: "button", onclick: () => onAnswer(value) }, label))));
  }
  const field = schema.type === "object" && isSimpleObject(schema)
    ? objectField(schema) : fieldOf(schema, schema.title ?? "Your answer", true);
  const form = h("form", {
    onsubmit: (event) => {
      event.preventDefault();
      if (!form.reportValidity()) return;
      const value = field.read();
      if (value !== undefined) onAnswer(value);
    },
  }, field.element, h("button", { class: "primary", type: "submit" }, "Answer"));
  return h("fieldset", {}, form);
}

function choicesOf(schema) {
  if (schema.type === "boolean") {
    return [{ label: "Yes", value: true }, { label: "No", value: false }];
  }
  if (!Array.isArray(schema.enum)) return null;
  return schema.enum.map((value) => ({ label: inWords(value), value }));
}

function isSimpleObject({ properties }) {
  const fields = Object.values(properties ?? {});
  const isSimple = (one) => ["string", "number", "integer", "boolean"].includes(one?.type)
    || Array.isArray(one?.enum);
  return fields.length > 0 && fields.length <= FIELDS_MAX && fields.every(isSimple);
}

function objectField(schema) {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(([name, property]) => (
    [name, fieldOf(property, property.title ?? name, required.has(name))]));
  return {
    element: h("div", { class: "fields" }, fields.map(([, field]) => field.element)),
    read() {
      const entries = fields.map(([name, field]) => [name, field.read()]);
      return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
    },
  };
}

function fieldOf(schema, label, isRequired) {
  if (Array.isArray(schema.enum)) return selectField(schema.enum, label, isRequired);
  if (schema.type === "boolean") return selectField([true, false], label, isRequired);
  if (schema.type === "number" || schema.type === "integer") {
    return numberField(schema, label, isRequired);
  }
  return schema.type === undefined || schema.type === "string"
    ? textField(schema, label, isRequired) : jsonField(label);
}

function labelled(label, control) {
  return h("label", { class: "field" }, h("span", {}, label), control);
}

function selectField(values, label, isRequired) {
  const control = h("select", { required: isRequired },
    h("option", { value: "" }, "Choose…"),
    values.map((value, index) => h("option", { value: index }, inWords(value))));
  return {
    element: labelled(label, control),
    read: () => (control.value === "" ? undefined : values[Number(control.value)]),
  };
}

function numberField(schema, label, isRequired) {
  const control = h("input", {
    type: "number", step: schema.type === "integer" ? 1 : "any", required: isRequired,
    min: schema.minimum, max: schema.maximum, inputmode: "decimal", autocomplete: "off",
  });
  return {
    element: labelled(label, control),
    read: () => (control.value === "" ? undefined : Number(control.value)),
  };
}

function textField(schema, label, isRequired) {
  const control = h("input", {
    type: "text", required: isRequired, autocomplete: "off",
    minlength: schema.minLength, maxlength: schema.maxLength,
  });
  return {
    element: labelled(label, control),
    read: () => (control.value === "" && !isRequired ? undefined : control.value),
  };
}

function jsonField(label) {
  const control = h("textarea", { rows: 4, required: true, spellcheck: "false" });
  return {
    element: labelled(`${label} (JSON)`, control),
    read() {
      try {
        return JSON.parse(control.value);
      } catch (error) {
        control.setCustomValidity(error.message);
        control.reportValidity();
        control.addEventListener("input", () => control.setCustomValidity(""), { once: true });
        return undefined;
      }
    },
  };
}

function inWords(value) {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function until(expiresAt) {
  const time = new Date(expiresAt * 1000).toLocaleTimeString([], { timeStyle: "short" });
  return `Can be answered until ${time}.`;
}

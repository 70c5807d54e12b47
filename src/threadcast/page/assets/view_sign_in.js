/** The way in: a name on a development server, else a token. */

import { h, setChildren, setText } from "./dom.js";
import { SignedOut } from "./session.js";

const NAMES = ["ada", "grace", "alan"];

/** @param onSignedIn called when the session has a token */
export function signInView(place, session, onSignedIn) {
  const note = h("p", { class: "note bad", role: "alert" });
  const content = session.dev ? byName(session, attempt) : byToken(session, attempt);
  setChildren(place, [
    h("h1", {}, h("img", { src: "assets/favicon.svg", alt: "", width: 40, height: 40 }),
      "Threadcast"),
    content, note,
    h("p", { class: "note" }, h("a", { href: "docs" }, "Reference of the API")),
  ]);

  async function attempt(signIn) {
    setText(note, "");
    try {
      await signIn();
    } catch (error) {
      if (!(error instanceof SignedOut || error instanceof TypeError)) throw error;
      const words = error instanceof SignedOut ? error.message : "The server cannot be reached.";
      setText(note, words);
      return;
    }
    onSignedIn();
  }

  return {
    show(reason) {
      place.hidden = false;
      setText(note, reason);
      place.querySelector("input").focus();
    },
    hide() {
      place.hidden = true;
      for (const input of place.querySelectorAll("input")) input.value = "";
    },
  };
}

function byName(session, attempt) {
  const name = h("input", {
    type: "text", name: "user", required: true, maxlength: 128, autocomplete: "off",
    autocapitalize: "none", spellcheck: "false",
  });
  const signInAs = (text) => attempt(() => session.signInAs(text));
  return h("div", {},
    h("p", {}, "This is a development server: any name is a user, and nobody is asked to prove it."),
    h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        if (name.value.trim() !== "") signInAs(name.value.trim());
      },
    }, h("label", { class: "field" }, h("span", {}, "Name"), name),
    h("button", { class: "primary", type: "submit" }, "Sign in")),
    h("p", { class: "names" }, h("span", {}, "or as"), NAMES.map((one) => (
      h("button", { type: "button", onclick: () => signInAs(one) }, one)))));
}

function byToken(session, attempt) {
  const token = h("input", {
    type: "password", required: true, autocomplete: "off", spellcheck: "false",
  });
  return h("form", {
    onsubmit: (event) => {
      event.preventDefault();
      attempt(async () => session.signInWith(token.value));
    },
  }, h("p", {}, "Sign in with a token of your identity provider. It stays in this page's memory and ",
    "is gone when you close or reload it."),
  h("label", { class: "field" }, h("span", {}, "Token (JWT)"), token),
  h("button", { class: "primary", type: "submit" }, "Sign in"));
}

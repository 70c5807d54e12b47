/** Owns the chat model of the signed-in user: creates it on sign-in, closes it on sign-out. */
import { effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import { ownTransports } from "@threadcast/client";
import { ChatClient } from "@threadcast/client/chat";
import { sharedBy } from "@threadcast/client/shared";
import sharedWorker from "@threadcast/client/shared-worker?worker&url";
import { forgetUnsentOfOthers } from "./conversation/unsent_texts.ts";
import { ChatModel } from "./model.ts";
import { type Credential, SignedOut } from "./sign_in/credential.ts";
import type { Session } from "./sign_in/session.ts";
import { Seen } from "./threads/seen.ts";

/** What the demonstration agent can do. */
const SUGGESTIONS = [
  "What is 15% of 240?",
  "What time is it in Tokyo?",
  "Ask me for a number",
  "Count to 200",
];

export class SessionModel {
  readonly session: Session;
  readonly #model: Signal<ChatModel | null> = signal(null);
  #stop = () => {};

  constructor(session: Session) {
    this.session = session;
    effect(() => {
      const now = session.now.value;
      untracked(() => (now.phase === "in" ? this.#enter(now.credential) : this.#leave()));
    });
  }

  get model(): ReadonlySignal<ChatModel | null> {
    return this.#model;
  }

  /** The person signs out: nothing of theirs stays in the page or its storage. */
  signOut() {
    const model = this.#model.peek();
    const user = model?.user.peek() ?? null;
    this.session.signOut();
    model?.client.signOut();
    if (user !== null) Seen.forget(user);
  }

  #enter(credential: Credential) {
    this.#leave();
    const { base, demo } = this.session.facts;
    let why = "";
    const client = new ChatClient({
      url: base.href,
      storage: localStorage,
      transports: [sharedBy(new URL(sharedWorker, location.href)), ...ownTransports],
      // To the client an empty token means signed out; the reason is kept for the person.
      token: (renewal) =>
        credential.token(renewal).catch((error) => {
          if (!(error instanceof SignedOut)) throw error;
          why = error.message;
          return "";
        }),
    });
    const model = new ChatModel(client, {
      suggestions: demo ? SUGGESTIONS : [],
      person: credential.name,
    });
    this.#model.value = model;
    client.start();
    const follow = effect(() => {
      const status = model.status.value;
      document.documentElement.dataset.connection = status.phase;
      if (status.phase === "signed_out") this.session.ended(why || saidOf(status));
    });
    const own = effect(() => {
      if (model.user.value !== null) forgetUnsentOfOthers(model.user.value);
    });
    this.#stop = () => {
      follow();
      own();
      model.close();
      client.close();
    };
  }

  #leave() {
    this.#stop();
    this.#stop = () => {};
    this.#model.value = null;
    document.documentElement.dataset.connection = "signed_out";
  }
}

function saidOf({ code, reason }: { code: string; reason: string }): string {
  if (code === "revoked") return "You were signed out elsewhere.";
  return reason || "Please sign in again.";
}

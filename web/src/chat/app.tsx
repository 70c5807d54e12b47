/** The chat page as a whole: the way in, or the application of who is in. */
import {
  computed,
  effect,
  type ReadonlySignal,
  type Signal,
  signal,
  untracked,
} from "@preact/signals";
import { ownTransports } from "@threadcast/client";
import { ChatClient } from "@threadcast/client/chat";
import { sharedBy } from "@threadcast/client/shared";
import sharedWorker from "@threadcast/client/shared-worker?worker&url";
import { Application } from "./application.tsx";
import { forgetDraftsOfOthers } from "./conversation/drafts.ts";
import { ChatModel } from "./model.ts";
import type { Session } from "./session/session.ts";
import { type Credential, SignedOut } from "./session/ways.ts";
import { SignIn } from "./sign_in.tsx";
import { Seen } from "./threads/seen.ts";

const SUGGESTIONS = [
  "What is 15% of 240?",
  "What time is it in Tokyo?",
  "Ask me for a number",
  "Count to 200",
];

/** Joins who is signed in with a client of theirs. */
export class Chat {
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

  /** The person signs out: nothing of theirs stays in the page, nor in what it keeps. */
  signOut() {
    const { client, state } = this.#model.peek() ?? {};
    const user = state?.peek().user ?? null;
    this.session.signOut();
    client?.signOut();
    if (user !== null) Seen.forget(user);
  }

  #enter(credential: Credential) {
    this.#leave();
    const { base, dev } = this.session.facts;
    let why = "";
    const client = new ChatClient({
      url: base.href,
      storage: localStorage,
      transports: [sharedBy(new URL(sharedWorker, location.href)), ...ownTransports],
      // The client wants to hear nothing where there is no token; the person wants the reason.
      token: (renewal) =>
        credential.token(renewal).catch((error) => {
          if (!(error instanceof SignedOut)) throw error;
          why = error.message;
          return "";
        }),
    });
    const model = new ChatModel(client, {
      suggestions: dev ? SUGGESTIONS : [],
      person: credential.name,
    });
    this.#model.value = model;
    client.start();
    const follow = effect(() => {
      const status = model.status.value;
      document.documentElement.dataset.connection = status.phase;
      if (status.phase === "signed_out") this.session.ended(why || saidOf(status));
    });
    const user = computed(() => model.state.value.user);
    const own = effect(() => {
      if (user.value !== null) forgetDraftsOfOthers(user.value);
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

export function App({ chat }: { chat: Chat }) {
  const { session } = chat;
  const now = session.now.value;
  const model = chat.model.value;
  if (now.phase === "beginning") return null;
  if (now.phase === "out" || model === null) {
    return <SignIn session={session} reason={now.phase === "out" ? now.reason : ""} />;
  }
  return (
    <Application
      key={model}
      model={model}
      hasConsole={session.facts.console}
      onSignOut={() => chat.signOut()}
    />
  );
}

/** The chat page as a whole: the way in, or the application of who is in. */
import { effect, type Signal, signal } from "@preact/signals";
import { ChatClient } from "@threadcast/client/chat";
import { clearAddress } from "./address.ts";
import { Application } from "./application.tsx";
import { ChatModel } from "./model.ts";
import type { Session } from "./session/session.ts";
import type { Credential } from "./session/ways.ts";
import { SignIn } from "./sign_in.tsx";

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
  #credential: Credential | null = null;

  constructor(session: Session) {
    this.session = session;
    effect(() => {
      const now = session.now.value;
      if (now.phase === "in") this.#enter(now.credential);
      else if (now.phase === "out") this.#leave();
    });
  }

  get model(): Signal<ChatModel | null> {
    return this.#model;
  }

  /** The person signs out: nothing of theirs stays in the page, nor in what it keeps. */
  signOut() {
    this.#model.peek()?.client.signOut();
    this.session.signOut();
  }

  #enter(credential: Credential) {
    if (this.#credential === credential) return;
    this.#leave();
    this.#credential = credential;
    const { base, dev } = this.session.facts;
    const client = new ChatClient({
      url: base.href,
      token: credential.token,
      storage: localStorage,
    });
    const model = new ChatModel(client, { suggestions: dev ? SUGGESTIONS : [] });
    this.#model.value = model;
    client.start();
    effect(() => {
      const status = model.status.value;
      document.documentElement.dataset.connection = status.phase;
      if (status.phase === "signed_out") this.session.ended(status.reason);
    });
  }

  #leave() {
    this.#model.peek()?.close();
    this.#credential = null;
    this.#model.value = null;
  }
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
      onSignOut={() => {
        chat.signOut();
        clearAddress();
      }}
    />
  );
}

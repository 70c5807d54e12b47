/** One element's chat: its client and view models, and the events that it dispatches. */
import { effect } from "@preact/signals";
import type { JournalEvent, Status } from "@threadcast/client";
import { ChatClient } from "@threadcast/client/chat";
import type { TokenProvider } from "@threadcast/client/element";
import { ChatModel } from "../chat/model.ts";
import { Threads } from "../chat/threads/threads.ts";
import type { Dispatch } from "./events.ts";
import { forget, persistentStorage } from "./storage.ts";
import { checked } from "./token_provider.ts";

interface ChatOptions {
  server: URL;
  provider: TokenProvider;
  suggestions: readonly string[];
  dispatch: Dispatch;
}

export class ElementChat {
  readonly client: ChatClient;
  readonly model: ChatModel;
  readonly threads: Threads;
  readonly #stop: (() => void)[] = [];
  readonly #dispatch: Dispatch;
  #isReady = false;

  constructor({ server, provider, suggestions, dispatch }: ChatOptions) {
    const storage = persistentStorage();
    this.#dispatch = dispatch;
    this.client = new ChatClient({
      url: server,
      token: checked(provider, ({ code, message }) => {
        console.error(`threadcast-chat: ${message}`);
        dispatch("threadcast-error", { code, message, final: false });
      }),
      ...(storage !== null && { storage }),
    });
    this.model = new ChatModel(this.client, { suggestions });
    this.threads = new Threads(this.model);
  }

  /** Connect, and open a thread; null for a new conversation. */
  start(threadId: string | null) {
    const { client, model, threads } = this;
    this.#stop.push(
      client.on("message_created", (event) => this.#said("user", event)),
      client.on("agent_completed", (event) => this.#said("assistant", event)),
      effect(() => this.#statusIs(model.status.value)),
      effect(() => {
        this.#dispatch("threadcast-thread", { threadId: model.openThreadId.value });
      }),
      effect(() => {
        model.openThreadId.value;
        model.state.value;
        if (persistentStorage() !== null) threads.look();
      }),
    );
    model.open(threadId);
    client.start();
  }

  /** Forget the user, in the page and in its storage. */
  signOut() {
    const { user } = this.client.state;
    this.client.signOut();
    if (user !== null) forget(user);
  }

  /** Disconnect; only unsent messages stay, in the storage. */
  close() {
    for (const stop of this.#stop.splice(0)) stop();
    this.client.close();
    this.threads.close();
    this.model.close();
  }

  #said(role: "user" | "assistant", { thread_id, run_id, data }: JournalEvent) {
    if (!("content" in data) || thread_id === undefined || run_id === undefined) return;
    const content = String(data.content);
    this.#dispatch("threadcast-message", { role, threadId: thread_id, runId: run_id, content });
  }

  #statusIs(status: Status) {
    const { user } = this.model.state.peek();
    this.#dispatch("threadcast-status", status);
    if (status.phase === "live" && user !== null && !this.#isReady) {
      this.#isReady = true;
      this.#dispatch("threadcast-ready", { user });
    }
    if (status.phase !== "stopped" && status.phase !== "signed_out") return;
    const { code, reason } = status;
    if (code === "") return; // the embedding page called `signOut`
    this.#dispatch("threadcast-error", { code, message: reason || code, final: true });
  }
}

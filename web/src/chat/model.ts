/**
 * The view model of the chat: signals over a `ChatClient`. Knows nothing of the URL, of sign-in or
 * of views.
 *
 * The signals change at most once per frame, as the client notifies.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ChatState, OutboxEntry, SendOptions, Status } from "@threadcast/client";
import { type ChatClient, randomKey } from "@threadcast/client/chat";
import { Toasts } from "../design/toasts.tsx";
import { sendable } from "./sendable.ts";

/** Why a thread has no history: it was deleted, does not exist, or reading it failed for now. */
export type Failure = "deleted" | "missing" | "failed";

/** Whether there is nothing to wait for. */
export function isGone(failure: Failure | null): boolean {
  return failure === "deleted" || failure === "missing";
}

interface ChatModelOptions {
  suggestions?: readonly string[];
  person?: string | undefined;
}

export class ChatModel {
  readonly client: ChatClient;
  readonly toasts = new Toasts();
  /** Messages that a new conversation offers to send. */
  readonly suggestions: readonly string[];
  /** The person's display name, if signing in gave one. */
  readonly person: string | undefined;
  readonly #state: Signal<ChatState>;
  readonly #status: Signal<Status>;
  readonly #outbox: Signal<readonly OutboxEntry[]>;
  readonly #openThreadId = signal<string | null>(null);
  readonly #user: ReadonlySignal<string | null>;
  readonly #failure: ReadonlySignal<Failure | null>;
  readonly #draft = signal(randomKey());
  readonly #unsubscribe: () => void;

  constructor(client: ChatClient, { suggestions = [], person }: ChatModelOptions = {}) {
    this.client = client;
    this.suggestions = suggestions;
    this.person = person;
    this.#state = signal(client.state);
    this.#status = signal(client.status);
    this.#outbox = signal(client.outbox);
    this.#user = computed(() => this.#state.value.user);
    this.#failure = computed(() => {
      const openId = this.#openThreadId.value;
      const { deleted, unreadable } = this.#state.value;
      if (openId === null) return null;
      return deleted.includes(openId) ? "deleted" : (unreadable[openId] ?? null);
    });
    this.#unsubscribe = client.subscribe(() => this.#take());
  }

  get state(): ReadonlySignal<ChatState> {
    return this.#state;
  }

  /** The signed-in user; null until known. */
  get user(): ReadonlySignal<string | null> {
    return this.#user;
  }

  get status(): ReadonlySignal<Status> {
    return this.#status;
  }

  get outbox(): ReadonlySignal<readonly OutboxEntry[]> {
    return this.#outbox;
  }

  /** The open thread; null for a new conversation. */
  get openThreadId(): ReadonlySignal<string | null> {
    return this.#openThreadId;
  }

  /** Why the open thread has no history; null if it does or is being read. */
  get failure(): ReadonlySignal<Failure | null> {
    return this.#failure;
  }

  /** The `draft` of the new conversation's messages in the outbox. */
  get draft(): ReadonlySignal<string> {
    return this.#draft;
  }

  /** Open a thread; null for a new conversation. */
  open(threadId: string | null) {
    batch(() => {
      if (threadId === null) this.#draft.value = randomKey();
      this.#openThreadId.value = threadId;
      this.client.open(threadId);
    });
  }

  /** Send to the open thread, or start one. */
  send(content: string, options: Pick<SendOptions, "agent" | "onBusy"> = {}) {
    const threadId = this.#openThreadId.peek();
    const text = sendable(content).toWellFormed();
    // The outbox and the history show its outcome.
    this.client.send(text, { threadId, draft: this.#draft.peek(), ...options }).catch(() => {});
  }

  /** Cancel all active runs of a thread. */
  stop(threadId: string) {
    for (const id of Object.keys(this.client.state.threads.get(threadId)?.active ?? {})) {
      this.client.cancel(id);
    }
  }

  /** Try to read the open thread again. */
  readAgain() {
    this.client.open(this.#openThreadId.peek());
  }

  readEarlier() {
    this.client.readEarlier();
  }

  cancel(runId: string) {
    this.client.cancel(runId);
  }

  respond(runId: string, inputId: string, value: unknown) {
    this.client.respond(runId, inputId, value);
  }

  retry(key: string) {
    this.client.retry(key);
  }

  discard(key: string) {
    this.client.discard(key);
  }

  /** Stop following the client. */
  close() {
    this.#unsubscribe();
    this.toasts.clear();
  }

  #take() {
    const { client } = this;
    batch(() => {
      this.#state.value = client.state;
      this.#status.value = client.status;
      this.#outbox.value = client.outbox;
      this.#adoptDraft();
    });
  }

  /** Open the thread that the new conversation has become. */
  #adoptDraft() {
    const made = this.client.threadOf(this.#draft.peek());
    if (made !== null && this.#openThreadId.peek() === null) this.open(made);
  }
}

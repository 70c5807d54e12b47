/**
 * What the chat's views read and do: signals over a `ChatClient`, which do not know of the document's
 * address, of sign-in or of how anything looks.
 *
 * The signals change as often as the client says that something did: at most once in a frame,
 * however many events came meanwhile.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ChatState, OutboxEntry, SendOptions, Status } from "@threadcast/client";
import type { ChatClient } from "@threadcast/client/chat";
import { Toasts } from "../design/toasts.tsx";
import { sendable } from "./sendable.ts";

/** Why a thread's history is not here: there is no such thread, or reading it failed for now. */
export type Failure = "missing" | "failed";

interface ChatModelOptions {
  suggestions?: readonly string[];
  person?: string | undefined;
}

export class ChatModel {
  readonly client: ChatClient;
  readonly toasts = new Toasts();
  /** What a new conversation offers to say. */
  readonly suggestions: readonly string[];
  /** What to call the person, where the way in said it. */
  readonly person: string | undefined;
  readonly #state: Signal<ChatState>;
  readonly #status: Signal<Status>;
  readonly #outbox: Signal<readonly OutboxEntry[]>;
  readonly #openThreadId = signal<string | null>(null);
  readonly #user: ReadonlySignal<string | null>;
  readonly #failure: ReadonlySignal<Failure | null>;
  readonly #draft = signal(newDraft());
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
      return openId === null ? null : (this.#state.value.unreadable[openId] ?? null);
    });
    this.#unsubscribe = client.subscribe(() => this.#take());
  }

  get state(): ReadonlySignal<ChatState> {
    return this.#state;
  }

  /** Who is signed in; null while nobody is known. */
  get user(): ReadonlySignal<string | null> {
    return this.#user;
  }

  get status(): ReadonlySignal<Status> {
    return this.#status;
  }

  get outbox(): ReadonlySignal<readonly OutboxEntry[]> {
    return this.#outbox;
  }

  /** The open thread; null while a new conversation is begun. */
  get openThreadId(): ReadonlySignal<string | null> {
    return this.#openThreadId;
  }

  /** Why the open thread's history is not here. */
  get failure(): ReadonlySignal<Failure | null> {
    return this.#failure;
  }

  /** Names the new conversation: its messages in the outbox have this as `draft`. */
  get draft(): ReadonlySignal<string> {
    return this.#draft;
  }

  /** Open a thread, or begin a new conversation with null. */
  open(threadId: string | null) {
    batch(() => {
      if (threadId === null) this.#draft.value = newDraft();
      this.#openThreadId.value = threadId;
      this.client.open(threadId);
    });
  }

  /** Send to the open thread, or begin one. */
  send(content: string, options: Pick<SendOptions, "agent" | "onBusy"> = {}) {
    const threadId = this.#openThreadId.peek();
    const text = sendable(content).toWellFormed();
    // What becomes of it stands in the outbox and in the history.
    this.client.send(text, { threadId, draft: this.#draft.peek(), ...options }).catch(() => {});
  }

  /** Cancel all runs of a thread that have not ended. */
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

  /** Nothing is taken over from the client any more. */
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

  /** The first message of the new conversation has made its thread: that one is open now. */
  #adoptDraft() {
    const made = this.client.threadOf(this.#draft.peek());
    if (made !== null && this.#openThreadId.peek() === null) this.open(made);
  }
}

function newDraft(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `draft_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

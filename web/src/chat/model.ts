/**
 * What the chat's views read and do: signals over a `Client`, which do not know of the document's
 * address, of sign-in or of how anything looks.
 *
 * The signals change at most once per frame, however many events came meanwhile.
 */
import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ChatState, OutboxEntry, Status } from "@threadcast/client";
import { Toasts } from "../design/toasts.tsx";

const HIDDEN_PAUSE_MS = 250;

/** Why a thread's history is not here: there is no such thread, or reading it failed for now. */
export type Failure = "missing" | "failed";

export interface SendOptions {
  readonly agent?: string;
  readonly onBusy?: "queue" | "reject" | "interrupt";
}

/** What is needed of the class `Client` of `@threadcast/client`. */
export interface ChatClient {
  readonly state: ChatState;
  readonly status: Status;
  readonly outbox: readonly OutboxEntry[];
  subscribe(listener: () => void): () => void;
  open(threadId: string | null): void;
  failure(threadId: string): Failure | null;
  readAgain(): void;
  readEarlier(): unknown;
  readOlderThreads(): unknown;
  send(
    content: string,
    where: { threadId: string | null; draft: string | null } & SendOptions,
  ): string;
  cancel(runId: string): void;
  respond(runId: string, inputId: string, value: unknown): void;
  retry(key: string): void;
  discard(key: string): void;
  updateThread(
    id: string,
    change: { title?: string; metadata?: Record<string, unknown> },
  ): Promise<unknown>;
  deleteThread(id: string): Promise<unknown>;
}

export class ChatModel {
  readonly client: ChatClient;
  readonly toasts = new Toasts();
  /** What a new conversation offers to say. */
  readonly suggestions: readonly string[];
  readonly #state: Signal<ChatState>;
  readonly #status: Signal<Status>;
  readonly #outbox: Signal<readonly OutboxEntry[]>;
  readonly #openThreadId = signal<string | null>(null);
  readonly #failure = signal<Failure | null>(null);
  readonly #draft = signal(newDraft());
  readonly #unsubscribe: () => void;
  #isScheduled = false;

  constructor(client: ChatClient, { suggestions = [] }: { suggestions?: readonly string[] } = {}) {
    this.client = client;
    this.suggestions = suggestions;
    this.#state = signal(client.state);
    this.#status = signal(client.status);
    this.#outbox = signal(client.outbox);
    this.#unsubscribe = client.subscribe(() => this.#schedule());
  }

  get state(): ReadonlySignal<ChatState> {
    return this.#state;
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
      this.#take();
    });
  }

  /** Send to the open thread, or begin one; returns the entry's key. */
  send(content: string, options: SendOptions = {}): string {
    const threadId = this.#openThreadId.peek();
    const draft = threadId === null ? this.#draft.peek() : null;
    return this.client.send(content, { threadId, draft, ...options });
  }

  /** Cancel all runs of a thread that have not ended. */
  stop(threadId: string) {
    for (const id of Object.keys(this.client.state.threads.get(threadId)?.active ?? {})) {
      this.client.cancel(id);
    }
  }

  readAgain() {
    this.client.readAgain();
    this.#take();
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

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const later = () => {
      this.#isScheduled = false;
      this.#take();
    };
    if (document.hidden) setTimeout(later, HIDDEN_PAUSE_MS);
    else requestAnimationFrame(later);
  }

  #take() {
    const { client } = this;
    batch(() => {
      const openId = this.#openThreadId.peek();
      this.#state.value = client.state;
      this.#status.value = client.status;
      this.#outbox.value = client.outbox;
      this.#failure.value = openId === null ? null : client.failure(openId);
    });
  }
}

function newDraft(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `draft_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

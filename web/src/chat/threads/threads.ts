/** The view model of the list of threads, over the chat's. */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ChatModel } from "../model.ts";
import { sendable } from "../sendable.ts";
import { Deletions } from "./deletions.ts";
import { type Line, Lines, titleOf } from "./lines.ts";
import { search } from "./search.ts";
import { Seen } from "./seen.ts";

export const TITLE_MAX_CHARACTERS = 200;

export class Threads {
  readonly model: ChatModel;
  readonly query: Signal<string> = signal("");
  /** Whether the list shows archived threads instead of the others. */
  readonly showsArchived: Signal<boolean> = signal(false);
  /** The title being edited: a thread's id in the list, `header <id>` in the header. */
  readonly renaming: Signal<string | null> = signal(null);
  readonly isReading: Signal<boolean> = signal(false);
  /** Whether reading older threads failed; then only the person can try again. */
  readonly isStuck: Signal<boolean> = signal(false);
  readonly deletions: Deletions;
  readonly shown: ReadonlySignal<readonly Line[]>;
  /** The line of the open thread. */
  readonly open: ReadonlySignal<Line | undefined>;
  /** True until the list has been read. */
  readonly isBeginning: ReadonlySignal<boolean>;
  readonly archivedCount: ReadonlySignal<number>;
  readonly loadedCount: ReadonlySignal<number>;
  /** Whether there are older threads to read. */
  readonly hasOlder: ReadonlySignal<boolean>;
  readonly #seen: Signal<Seen | null> = signal(null);
  readonly #all: ReadonlySignal<readonly Line[]>;
  #reading: Promise<boolean> | null = null;

  constructor(model: ChatModel) {
    const lines = new Lines();
    this.model = model;
    this.deletions = new Deletions({
      remove: (id) => model.client.deleteThread(id),
      offer: (undo, shownMs) =>
        model.toasts.show("Conversation deleted.", {
          action: { label: "Undo", act: undo },
          shownMs,
        }),
      failed: (error) => this.#failed("The conversation could not be deleted", error),
    });
    const loaded = computed(() => lines.of(model.state.value));
    this.#all = computed(() => {
      const hidden = this.deletions.hidden.value;
      return hidden.size === 0 ? loaded.value : loaded.value.filter(({ id }) => !hidden.has(id));
    });
    this.open = computed(() => {
      const openId = model.openThreadId.value;
      return this.#all.value.find(({ id }) => id === openId);
    });
    this.isBeginning = computed(() => model.state.value.seq === null);
    this.hasOlder = computed(() => model.state.value.olderThreads !== null);
    this.loadedCount = computed(() => this.#all.value.length);
    this.archivedCount = computed(() => this.#all.value.filter((one) => one.isArchived).length);
    this.shown = computed(() => {
      const isArchived = this.showsArchived.value;
      const lines = this.#all.value.filter((line) => line.isArchived === isArchived);
      return search(lines, this.query.value);
    });
  }

  isUnread(line: Line): boolean {
    const isOpen = this.model.openThreadId.value === line.id;
    return !isOpen && !line.isRunning && (this.#seen.value?.isUnread(line) ?? false);
  }

  /** Mark the open thread as read: call it when it changes or the page becomes visible. */
  look() {
    const { user, feed, seq, threads } = this.model.state.value;
    if (user === null || feed === null || seq === null) return;
    if (this.#seen.peek() === null) this.#seen.value = new Seen(user, { feed, seq });
    const open = threads.get(this.model.openThreadId.value ?? "");
    if (open !== undefined && !document.hidden) this.#seen.peek()?.see(open);
  }

  /** Read another page of older threads. Concurrent calls share it. Resolves to success. */
  readOlder(): Promise<boolean> {
    this.#reading ??= this.#readOlder().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  /** Read older threads until all are read or the query changes. */
  async readAllOlder() {
    const query = this.query.peek();
    while (this.query.peek() === query && (await this.readOlder()));
  }

  /** Never rejects: a failure is shown as a toast. */
  async rename(id: string, text: string) {
    const title = [...sendable(text).trim()].slice(0, TITLE_MAX_CHARACTERS).join("");
    const thread = this.model.state.peek().threads.get(id);
    this.renaming.value = null;
    if (thread === undefined || title === "" || title === titleOf(thread)) return;
    await this.#change(id, { title }, "The title could not be changed");
  }

  async archive(id: string, isArchived: boolean) {
    const thread = this.model.state.peek().threads.get(id);
    if (thread === undefined) return;
    const { archived: _, ...metadata } = thread.metadata;
    const changed = isArchived ? { ...metadata, archived: true } : metadata;
    if (!(await this.#change(id, { metadata: changed }, "The change could not be saved"))) return;
    const text = isArchived ? "Conversation archived." : "Conversation unarchived.";
    const act = () => this.archive(id, !isArchived);
    this.model.toasts.show(text, { action: { label: "Undo", act } });
  }

  /** Delete with undo, which reopens the thread if it was open and nothing else was opened. */
  delete(id: string) {
    const { model } = this;
    const wasOpen = model.openThreadId.peek() === id;
    batch(() => {
      if (wasOpen) model.open(null);
      const draft = model.draft.peek();
      this.deletions.delete(id, () => {
        const isStillThere = model.openThreadId.peek() === null && model.draft.peek() === draft;
        if (wasOpen && isStillThere) model.open(id);
      });
    });
  }

  close() {
    this.deletions.close();
    this.#seen.peek()?.close();
  }

  async #readOlder(): Promise<boolean> {
    // The client's own state: signals lag behind it, so a loop over them might never end.
    if (this.model.client.state.olderThreads === null) return false;
    this.isReading.value = true;
    this.isStuck.value = false;
    try {
      await this.model.client.readOlderThreads();
      return true;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.isStuck.value = true;
      return false;
    } finally {
      this.isReading.value = false;
    }
  }

  async #change(
    id: string,
    change: { title?: string; metadata?: Record<string, unknown> },
    problem: string,
  ): Promise<boolean> {
    try {
      await this.model.client.updateThread(id, change);
      return true;
    } catch (error) {
      this.#failed(problem, error);
      return false;
    }
  }

  #failed(problem: string, error: unknown) {
    if (!(error instanceof Error)) throw error;
    this.model.toasts.show(`${problem}. ${error.message}`, { kind: "bad" });
  }
}

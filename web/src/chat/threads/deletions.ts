/**
 * Deleting with undo: a thread leaves the list at once, and the request is sent some seconds later
 * or when the page unloads, whichever comes first.
 */
import { type Signal, signal } from "@preact/signals";

const UNDO_MS = 7_000;

interface Pending {
  readonly timer: ReturnType<typeof setTimeout>;
  readonly dropToast: () => void;
}

interface Owner {
  /** Send the request; rejects with an error whose message is for the person. */
  readonly remove: (id: string) => Promise<unknown>;
  /** Offer to undo for `shownMs`; returns a function that withdraws the offer. */
  readonly offer: (undo: () => void, shownMs: number) => () => void;
  readonly failed: (error: Error) => void;
}

export class Deletions {
  /** The ids of threads to hide. */
  readonly hidden: Signal<ReadonlySet<string>> = signal(new Set());
  readonly #pending = new Map<string, Pending>();
  readonly #owner: Owner;
  readonly #leave = () => this.sendAll();

  constructor(owner: Owner) {
    this.#owner = owner;
    addEventListener("pagehide", this.#leave);
  }

  /** @param onUndone called if the person undoes it */
  delete(id: string, onUndone = () => {}) {
    if (this.#pending.has(id)) return;
    const timer = setTimeout(() => this.#send(id), UNDO_MS);
    const dropToast = this.#owner.offer(() => this.#undo(id, onUndone), UNDO_MS);
    this.#pending.set(id, { timer, dropToast });
    this.#show(id, false);
  }

  /** Send all pending requests now. */
  sendAll() {
    for (const id of [...this.#pending.keys()]) this.#send(id);
  }

  close() {
    this.sendAll();
    removeEventListener("pagehide", this.#leave);
  }

  #undo(id: string, onUndone: () => void) {
    this.#take(id);
    this.#show(id, true);
    onUndone();
  }

  async #send(id: string) {
    this.#take(id);
    try {
      await this.#owner.remove(id);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#owner.failed(error);
    }
    // By now its event has removed it from the state, or it could not be deleted.
    this.#show(id, true);
  }

  #take(id: string) {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    pending?.dropToast();
  }

  #show(id: string, isShown: boolean) {
    const hidden = new Set(this.hidden.peek());
    if (isShown) hidden.delete(id);
    else hidden.add(id);
    this.hidden.value = hidden;
  }
}

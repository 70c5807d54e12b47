/** Delivers events to callbacks, and to async iterators with a bounded buffer. */
import { ThreadcastError } from "./error.ts";
import type { AttachedEvent, JournalEvent } from "./protocol.ts";

const BUFFER_MAX_EVENTS = 10_000;

/** A journal event; or `attached`, if the client could not resume and derived state is void. */
export type Told = JournalEvent | AttachedEvent;
type Handler = (event: never) => void;

export class Listeners {
  #handlers = new Map<string, Set<Handler>>();
  /** The unprocessed events of each open iterator. */
  #buffers = new Set<Told[]>();
  #onTaken: () => void;

  /** @param onTaken called when an iterator has processed an event */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** Whether every iterator has processed all its events. */
  get areDone(): boolean {
    for (const { length } of this.#buffers) if (length) return false;
    return true;
  }

  on(type: string, handler: Handler): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  emit(type: string, event: Told | null): void {
    for (const handler of this.#handlers.get(type) ?? []) {
      // In a microtask each, so that one that throws does not stop the others.
      queueMicrotask(() => handler(event as never));
    }
  }

  /** The events from now on, until null is emitted. */
  events(): AsyncIterableIterator<Told> {
    const buffer: Told[] = [];
    this.#buffers.add(buffer);
    let isOver = false;
    let isFull = false;
    let wake = () => {};
    const off = this.on("*", (event: Told | null) => {
      if (!event) isOver = true;
      else if (!isFull) isFull = buffer.push(event) > BUFFER_MAX_EVENTS;
      wake();
    });
    const taken = () => {
      buffer.shift();
      this.#onTaken();
    };
    const over = () => {
      off();
      // After an overflow the buffer stays: the cursor must not move past what was lost.
      if (!isFull) this.#buffers.delete(buffer);
    };
    const told = (async function* () {
      try {
        for (;;) {
          // The consumer has processed an event when it asks for the next one.
          for (; buffer.length > +isFull; taken()) yield buffer[0] as Told;
          if (isFull) throw new ThreadcastError("slow_reader");
          if (isOver) return;
          if (!buffer.length) await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        over();
      }
    })();
    const end = told.return.bind(told);
    // `return` alone does not run the `finally` of an unstarted generator, nor wake a waiting one.
    told.return = (value) => {
      over();
      isOver = true;
      wake();
      return end(value);
    };
    return told;
  }
}

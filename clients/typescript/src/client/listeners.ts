/** Delivers events to callbacks, and to async iterators with a bounded buffer. */
import { ThreadcastError } from "../error.ts";
import type { AttachedEvent, JournalEvent } from "../protocol.ts";

const BUFFER_MAX_EVENTS = 10_000;

/** A journal event; or `attached`, if the client could not resume and derived state is void. */
export type Told = JournalEvent | AttachedEvent;
type Handler = (event: never) => void;

export class Listeners {
  #handlers = new Map<string, Set<Handler>>();
  /** The unprocessed events of each open iterator. */
  #buffers = new Set<Told[]>();
  #onTaken: () => void;
  /** Why there will be no more events; null after `close`, undefined while there may be. */
  #end: ThreadcastError | null | undefined;

  /** @param onTaken called when an iterator has processed an event */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** Whether every iterator has processed all its events. */
  get areDone(): boolean {
    return [...this.#buffers].every(({ length }) => !length);
  }

  on(type: string, handler: Handler): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /** Call the handlers of the event's type and those of `*`. */
  tell(event: Told): void {
    this.emit(event.event_type, event);
    this.emit("*", event);
  }

  /** There will be no more events; undefined: there may be again. */
  end(why: ThreadcastError | null | undefined): void {
    this.#end = why;
    if (why !== undefined) this.emit("end", why);
  }

  emit(type: string, event: Told | ThreadcastError | null): void {
    for (const handler of this.#handlers.get(type) ?? []) {
      // In a microtask each, so that one that throws does not stop the others.
      queueMicrotask(() => handler(event as never));
    }
  }

  /** The events from now on, until the end, which may be an error. */
  events(): AsyncIterableIterator<Told> {
    const buffer: Told[] = [];
    this.#buffers.add(buffer);
    let end = this.#end;
    let isFull = false;
    let wake = () => {};
    const offEvents = this.on("*", (event: Told) => {
      if (!isFull) isFull = buffer.push(event) > BUFFER_MAX_EVENTS;
      wake();
    });
    const offEnd = this.on("end", (why: ThreadcastError | null) => {
      end = why;
      wake();
    });
    const taken = () => {
      buffer.shift();
      this.#onTaken();
    };
    const over = () => {
      offEvents();
      offEnd();
      // After an overflow the buffer stays: the cursor must not move past what was lost.
      if (!isFull) this.#buffers.delete(buffer);
    };
    const told = (async function* () {
      for (;;) {
        // The consumer has processed an event when it asks for the next one.
        for (; buffer.length > +isFull; taken()) yield buffer[0] as Told;
        if (isFull || end !== undefined) break;
        await new Promise<void>((resolve) => (wake = resolve));
      }
      over();
      if (isFull) throw new ThreadcastError("slow_reader");
      if (end) throw end;
    })();
    const finish = told.return.bind(told);
    // `return` alone does not run the `finally` of an unstarted generator, nor wake a waiting one.
    told.return = (value) => {
      over();
      end = null;
      wake();
      return finish(value);
    };
    return told;
  }
}

/** Who is told of events: callbacks, and iterators with what they have not yet taken. */
import { ThreadcastError } from "./error.ts";
import type { AttachedEvent, JournalEvent } from "./protocol.ts";

const BUFFER_MAX_EVENTS = 10_000;

/** A journal event; or, where the cursor could not be continued, that what was derived is void. */
export type Told = JournalEvent | AttachedEvent;
type Handler = (event: never) => void;

export class Listeners {
  #handlers = new Map<string, Set<Handler>>();
  /** What open iterators have not yet processed. */
  #buffers = new Set<Told[]>();
  #onTaken: () => void;
  /** Why nothing more comes; null after a close, undefined while something may. */
  #end: ThreadcastError | null | undefined;

  /** @param onTaken called when an iterator is done with an event */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** Whether no iterator has anything left. */
  get areDone(): boolean {
    return [...this.#buffers].every(({ length }) => length === 0);
  }

  on(type: string, handler: Handler): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /** Tell who listens to its type, and who listens to all. */
  tell(event: Told): void {
    this.emit(event.event_type, event);
    this.emit("*", event);
  }

  /** Nothing more comes; or, with undefined, something may again. */
  end(why: ThreadcastError | null | undefined): void {
    this.#end = why;
    if (why !== undefined) this.emit("end", why);
  }

  emit(type: string, event: Told | ThreadcastError | null): void {
    for (const handler of this.#handlers.get(type) ?? []) {
      // Each apart, so that the mistake of one harms nobody else.
      queueMicrotask(() => handler(event as never));
    }
  }

  /** The events from here on, until the end, which may be an error. */
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
      // Who was too slow begins again where it was.
      if (!isFull) this.#buffers.delete(buffer);
    };
    const told = (async function* () {
      for (;;) {
        // Who asks for the next one is done with this one.
        for (; buffer.length > +isFull; taken()) yield buffer[0] as Told;
        if (isFull || end !== undefined) break;
        await new Promise<void>((resolve) => (wake = resolve));
      }
      over();
      if (isFull) throw new ThreadcastError("slow_reader");
      if (end) throw end;
    })();
    const finish = told.return.bind(told);
    // A generator that was not begun, or that waits, does not learn that it is ended.
    told.return = (value) => {
      over();
      end = null;
      wake();
      return finish(value);
    };
    return told;
  }
}

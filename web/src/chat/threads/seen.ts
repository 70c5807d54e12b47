/**
 * Which threads have something that was not looked at in this browser.
 *
 * `localStorage` has, for each user, the place in the journal up to which all counts as seen, and
 * the place of each thread that was opened since. At most 500 threads are kept; of older ones all
 * counts as seen. Other devices have their own marks.
 */
import { type Signal, signal } from "@preact/signals";
import type { Line } from "./lines.ts";

const THREADS_MAX = 500;
const PREFIX = "threadcast.seen.";

interface Kept {
  readonly feed: string;
  readonly upTo: number;
  readonly threads: Readonly<Record<string, number>>;
}

export class Seen {
  readonly #key: string;
  readonly #kept: Signal<Kept>;
  readonly #hear = ({ key, storageArea }: StorageEvent) => {
    const kept = key === this.#key && storageArea === localStorage ? read(this.#key) : null;
    if (kept?.feed === this.#kept.peek().feed) this.#kept.value = kept;
  };

  /** This browser keeps nothing of this user any more. */
  static forget(user: string) {
    localStorage.removeItem(PREFIX + user);
  }

  /** Whoever is here for the first time has seen everything up to `seq`. */
  constructor(user: string, { feed, seq }: { feed: string; seq: number }) {
    this.#key = PREFIX + user;
    const kept = read(this.#key);
    this.#kept = signal(kept?.feed === feed ? kept : { feed, upTo: seq, threads: {} });
    if (this.#kept.peek() !== kept) this.#keep();
    addEventListener("storage", this.#hear);
  }

  close() {
    removeEventListener("storage", this.#hear);
  }

  isUnread({ id, order }: Line): boolean {
    const { upTo, threads } = this.#kept.value;
    return order > Math.max(upTo, threads[id] ?? 0);
  }

  /** Somebody looks at this thread. */
  see({ id, order }: Pick<Line, "id" | "order">) {
    const { feed, upTo, threads } = this.#kept.peek();
    if (order <= Math.max(upTo, threads[id] ?? 0)) return;
    this.#kept.value = bounded({ feed, upTo, threads: { ...threads, [id]: order } });
    this.#keep();
  }

  #keep() {
    localStorage.setItem(this.#key, JSON.stringify(this.#kept.peek()));
  }
}

function bounded({ feed, upTo, threads }: Kept): Kept {
  const latest = Object.entries(threads).sort(([, a], [, b]) => b - a);
  const dropped = latest[THREADS_MAX]?.[1] ?? 0;
  const next = Math.max(upTo, dropped);
  return { feed, upTo: next, threads: Object.fromEntries(latest.filter(([, seq]) => seq > next)) };
}

function read(key: string): Kept | null {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "null");
    const isWhole = typeof kept?.upTo === "number" && typeof kept.threads === "object";
    return isWhole ? kept : null;
  } catch {
    return null; // not ours
  }
}

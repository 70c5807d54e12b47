/**
 * Which threads are unread in this browser.
 *
 * For each user, `localStorage` holds the seq up to which everything counts as read, and the seq up
 * to which each thread that was opened since has been read. At most 500 threads are kept; older ones
 * count as read. Other devices have their own marks.
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

  /** Remove a user's marks from this browser. */
  static forget(user: string) {
    localStorage.removeItem(PREFIX + user);
  }

  /** Without marks, everything up to `seq` counts as read. */
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

  /** Mark a thread as read. */
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

/**
 * Unsent texts by user and thread, so that a reload does not lose them.
 *
 * Kept in the tab's `sessionStorage` under `threadcast.text.` until the user signs out. If the
 * storage is full or forbidden, they are not kept.
 */

const PREFIX = "threadcast.text.";
const TEXTS_MAX = 20;
const TEXT_MAX_CHARACTERS = 65_536;

export type TextStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class UnsentTexts {
  readonly #storage: TextStorage | null;
  readonly #own: string;

  /** @param storage null if there is none */
  constructor(storage: TextStorage | null, user: string) {
    this.#storage = storage;
    this.#own = ownPrefix(user);
  }

  /** @param threadId null for a new conversation */
  read(threadId: string | null): string {
    return this.#storage?.getItem(this.#keyOf(threadId)) ?? "";
  }

  /** Store a text; an empty one is removed. At most 20 are kept for a user. */
  write(threadId: string | null, text: string) {
    const key = this.#keyOf(threadId);
    try {
      this.#storage?.removeItem(key);
      if (text.trim() === "" || text.length > TEXT_MAX_CHARACTERS) return;
      const others = keysOf(this.#storage, this.#own);
      for (const other of others.slice(TEXTS_MAX - 1)) this.#storage?.removeItem(other);
      this.#storage?.setItem(key, text);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
  }

  #keyOf(threadId: string | null): string {
    return this.#own + (threadId ?? "");
  }
}

/** The tab's storage; null if the browser denies it to this page. */
export function tabStorage(): TextStorage | null {
  try {
    return globalThis.sessionStorage;
  } catch {
    return null;
  }
}

/** Remove this tab's unsent texts: all of them, or those of one user. */
export function forgetUnsent(storage: TextStorage | null = tabStorage(), user?: string) {
  const prefix = user === undefined ? PREFIX : ownPrefix(user);
  for (const key of keysOf(storage, prefix)) storage?.removeItem(key);
}

/** Remove the unsent texts of everybody else who used this tab. */
export function forgetUnsentOfOthers(user: string, storage: TextStorage | null = tabStorage()) {
  const own = ownPrefix(user);
  for (const key of keysOf(storage, PREFIX)) {
    if (!key.startsWith(own)) storage?.removeItem(key);
  }
}

function ownPrefix(user: string): string {
  return `${PREFIX}${JSON.stringify(user)}.`;
}

function keysOf(storage: TextStorage | null, prefix: string): string[] {
  const count = storage?.length ?? 0;
  const keys = Array.from({ length: count }, (_, index) => storage?.key(index) ?? "");
  return keys.filter((key) => key.startsWith(prefix));
}

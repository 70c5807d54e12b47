/**
 * What was being written, by user and thread, so that a reload does not lose it.
 *
 * Kept in the tab's session storage under `threadcast.text.`, and forgotten when its user signs out.
 * A storage that is full or forbidden only means that it is not kept.
 */

const PREFIX = "threadcast.text.";
const TEXTS_MAX = 20;
const TEXT_MAX_CHARACTERS = 65_536;

export type TextStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class UnsentTexts {
  readonly #storage: TextStorage | null;
  readonly #own: string;

  /** @param storage null where there is none */
  constructor(storage: TextStorage | null, user: string) {
    this.#storage = storage;
    this.#own = ownPrefix(user);
  }

  /** @param threadId null for a new conversation */
  read(threadId: string | null): string {
    return this.#storage?.getItem(this.#keyOf(threadId)) ?? "";
  }

  /** Keep it, or forget it where it is empty. At most 20 of one user are kept; others make room. */
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

/** The tab's storage; null where the browser does not give it to this page. */
export function tabStorage(): TextStorage | null {
  try {
    return globalThis.sessionStorage;
  } catch {
    return null;
  }
}

/** Forget what was being written in this tab: all of it, or that of one user. */
export function forgetUnsent(storage: TextStorage | null = tabStorage(), user?: string) {
  const prefix = user === undefined ? PREFIX : ownPrefix(user);
  for (const key of keysOf(storage, prefix)) storage?.removeItem(key);
}

/** The tab is one user's: whoever signs in finds nothing of those who were here before. */
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

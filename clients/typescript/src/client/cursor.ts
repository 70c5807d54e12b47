/** A reader's position: the last seq that it has, its feed, and that event's timestamp. */
export interface Cursor {
  readonly after?: number;
  readonly feed: string | null;
  readonly at?: number;
}

/** The cursor of a reader who does not know it any more: ahead of every journal, so it is reset. */
export const UNKNOWN: Cursor = { feed: null, after: Number.MAX_SAFE_INTEGER };

/** Parses a stored cursor; `UNKNOWN` if it is not one, of which the server has the last word. */
export function cursorOf(item: string): Cursor {
  try {
    const cursor: Cursor = JSON.parse(item);
    return typeof cursor.after === "number" ? cursor : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

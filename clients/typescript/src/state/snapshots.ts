/** Reads over HTTP what happened before the events of the connection. */

import type { Http } from "../http/http.ts";
import type { EventPage, MessagePage } from "../protocol.ts";
import { emptyHistory, foldHistory } from "./history.ts";
import type { History } from "./model.ts";

/**
 * A thread's history. Its latest page of messages says how far back it goes; the rest is folded from
 * its events.
 *
 * @param path the thread's
 * @param known a history to read again, from the same beginning; null for none
 */
export async function readHistory(
  http: Http,
  path: string,
  known: History | null,
): Promise<History> {
  const begun = known ? emptyHistory(known.from, known.before) : await beginning(http, path, "");
  return readOn(http, path, begun, Number.POSITIVE_INFINITY);
}

/** One page of earlier messages, with their events up to the beginning of `known`. */
export async function readEarlier(http: Http, path: string, known: History): Promise<History> {
  const begun = await beginning(http, path, `&before=${known.before}`);
  return { ...(await readOn(http, path, begun, known.from)), upTo: known.from };
}

/** A history that begins with the oldest message of a page and has no events yet. */
async function beginning(http: Http, path: string, query: string): Promise<History> {
  const { messages, next }: MessagePage = await http.get(`${path}/messages?limit=50${query}`);
  const first = messages.find(({ role }) => role === "user") ?? messages[0];
  return emptyHistory(next && first ? first.seq - 1 : 0, next);
}

/** The history with the events that follow, up to the seq `last`. */
async function readOn(http: Http, path: string, begun: History, last: number): Promise<History> {
  let history = begun;
  for (let next: number | null = history.upTo; next !== null && next < last; ) {
    const page: EventPage = await http.get(`${path}/events?limit=200&after=${next}`);
    const events = page.events.filter(({ seq }) => seq <= last);
    history = foldHistory(history, events) ?? history;
    next = page.next;
    if (next === null) history = { ...history, upTo: Math.max(history.upTo, page.seq) };
  }
  return history;
}

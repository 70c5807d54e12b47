/** Reads over HTTP what was there before the events that the connection brings. */
import { emptyHistory, foldHistory } from "./history.ts";
import type { Http } from "./http.ts";
import type { History } from "./model.ts";
import type { EventPage, MessagePage } from "./protocol.ts";

/**
 * A thread's history: its latest messages say how far back, its events say the rest.
 *
 * @param path of the thread
 * @param known the history that is to be read again, from the same beginning
 */
export async function readHistory(
  http: Http,
  path: string,
  known: History | null,
): Promise<History> {
  const begun = known ? emptyHistory(known.from, known.before) : await beginning(http, path, "");
  return readOn(http, path, begun, Number.POSITIVE_INFINITY);
}

/** One page of messages from before a history, with their events up to where it begins. */
export async function readEarlier(http: Http, path: string, known: History): Promise<History> {
  const begun = await beginning(http, path, `&before=${known.before}`);
  return { ...(await readOn(http, path, begun, known.from)), upTo: known.from };
}

/** A history without events, that begins with the oldest message of a page. */
async function beginning(http: Http, path: string, query: string): Promise<History> {
  const { messages, next }: MessagePage = await http.get(`${path}/messages?limit=50${query}`);
  const first = messages.find(({ role }) => role === "user") ?? messages[0];
  return emptyHistory(next && first ? first.seq - 1 : 0, next);
}

/** With the events that follow, up to this seq. */
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

/** Reads over HTTP what was there before the events that the connection brings. */
import { emptyHistory, foldHistory } from "./history.ts";
import type { Http } from "./http.ts";
import type { History } from "./model.ts";
import type { EventPage, MessagePage } from "./protocol.ts";

/**
 * A thread's history: the latest messages say how far back, its events say the rest.
 *
 * @param path of the thread
 * @param pages how many pages of messages to go back
 */
export async function readHistory(http: Http, path: string, pages: number): Promise<History> {
  const after = await beginning(http, path, pages);
  let history = emptyHistory(after, after > 0);
  for (let next: number | null = after; next !== null; ) {
    const page: EventPage = await http.get(`${path}/events?limit=200&after=${next}`);
    history = foldHistory(history, page.events) ?? history;
    next = page.next;
    if (next === null) history = { ...history, upTo: Math.max(history.upTo, page.seq) };
  }
  return history;
}

/** The seq after which the events of the latest pages of messages begin. */
async function beginning(http: Http, path: string, pages: number): Promise<number> {
  let query = "";
  let after = 0;
  for (let page = 0; page < pages; page += 1) {
    const { messages, next }: MessagePage = await http.get(`${path}/messages?limit=50${query}`);
    if (next === null) return 0;
    after = (messages.find(({ role }) => role === "user")?.seq ?? after + 1) - 1;
    query = `&before=${next}`;
  }
  return after;
}

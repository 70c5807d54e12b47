/** Elapsed times, which keep counting between polls. */
import { moment, span } from "../format.ts";
import { serverNow } from "../live.ts";

/** How long ago something was, with the time as a tooltip. */
export function Ago({ at }: { at: number | null }) {
  if (at === null) return <span class="soft">–</span>;
  const now = serverNow.value;
  return <time title={moment(at, now)}>{span(now - at)} ago</time>;
}

/** How long something has been going on. */
export function Since({ at }: { at: number }) {
  const now = serverNow.value;
  return <time title={moment(at, now)}>{span(now - at)}</time>;
}

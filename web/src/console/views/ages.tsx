/** How long ago something was, and for how long it has been; both go on between answers. */
import { moment, span } from "../format.ts";
import { serverNow } from "../live.ts";

/** How long ago something was, with the moment as a tip. */
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

/** What the type of an event says about its run. */
import type { RunStatus } from "./model.ts";
import type { JournalEvent } from "./protocol.ts";

const ENDS = /^agent_(completed|failed|cancelled)$/;
const IS_LEFT_OPEN = /^(thread_|run_queued|input_requested)/;

/** Whether an event of this type is the last one of its run. */
export const endsRun = (type: string): boolean => ENDS.test(type);

/** Whether the same run will emit another event without anybody doing anything. */
export const isFollowed = ({ event_type: type }: JournalEvent): boolean =>
  !endsRun(type) && !IS_LEFT_OPEN.test(type);

/** Whether a run has not ended. */
export const isActive = ({ status }: { status: RunStatus }): boolean =>
  /^(queued|running|waiting)$/.test(status);

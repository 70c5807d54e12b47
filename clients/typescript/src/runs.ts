/** What the type of an event says about its run. */
import type { JournalEvent, RunStatus } from "./protocol.ts";

type EventType = JournalEvent["event_type"];

/** Whether an event of this type is the last one of its run. */
export const endsRun = (type: string): boolean =>
  type === ("agent_completed" satisfies EventType) ||
  type === ("agent_failed" satisfies EventType) ||
  type === ("agent_cancelled" satisfies EventType);

/** Whether the same run will emit another event without anybody doing anything. */
export const isFollowed = ({ event_type: type, run_id }: JournalEvent): boolean =>
  !!run_id && !endsRun(type) && type !== "run_queued" && type !== "input_requested";

/** Whether a run has not ended. */
export const isActive = ({ status }: { status: RunStatus }): boolean =>
  status === "queued" || status === "running" || status === "waiting";

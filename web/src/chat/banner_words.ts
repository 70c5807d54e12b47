/** The banner's words for each status of the connection. Pure. */
import type { OutboxEntry, Status, Trouble } from "@threadcast/client";
import type { IconName } from "../design/icons.tsx";
import { plural } from "../design/plural.ts";

export interface Words {
  readonly icon: IconName;
  readonly text: string;
  /** Follows the text and changes all the time, so it is not announced; may be empty. */
  readonly aside: string;
  /** The button's label; null for no button. */
  readonly action: string | null;
  /** Shown at once, because waiting will not make it go away. */
  readonly isLasting: boolean;
}

const UNDER_WAY = { icon: "refresh", aside: "", action: null, isLasting: false } as const;
const LASTING = { icon: "warning", aside: "", action: null, isLasting: true } as const;
const LONG_S = 10;
const CANNOT_STORE = "The server cannot store anything at the moment.";

/** The words for a status; null while all is well. There has been no connection since `goneMs`. */
export function describe(
  status: Status,
  waiting: number,
  nowMs: number,
  goneMs = nowMs,
): Words | null {
  const held = waiting === 0 ? "" : ` ${messages(waiting)} will be sent when it is back.`;
  switch (status.phase) {
    case "live":
      return status.trouble ? troubled(status.trouble, waiting) : null;
    case "connecting": {
      const text = status.attempt > 0 ? "Reconnecting…" : "Connecting…";
      return { ...UNDER_WAY, text: text + held, aside: lengthOf(nowMs - goneMs) };
    }
    case "catching_up": {
      const aside = status.left > 0 ? `${plural(status.left, "event")} to go.` : "";
      return { ...UNDER_WAY, text: "Catching up…", aside };
    }
    case "waiting": {
      const leftS = Math.ceil((status.untilMs - nowMs) / 1000);
      const when = leftS > 0 ? `in ${leftS} s` : "now";
      const reason = status.reason || "The connection was lost.";
      const why = status.code === "unavailable" ? CANNOT_STORE : reason;
      return {
        icon: "cloudOff",
        text: why + held,
        aside: `Reconnecting ${when}. ${lengthOf(nowMs - goneMs)}`.trimEnd(),
        action: "Reconnect now",
        isLasting: false,
      };
    }
    case "offline": {
      const text =
        waiting === 0 ? "You are offline." : `You are offline: ${messages(waiting)} waiting.`;
      return { ...LASTING, icon: "cloudOff", text };
    }
    case "stopped": {
      const text = status.reason || "The connection has ended.";
      return { ...LASTING, text, action: "Reconnect" };
    }
    default:
      return null;
  }
}

/** Connected, but the server does not respond or cannot store. */
function troubled({ code, reason }: Trouble, waiting: number): Words {
  const isThere = code !== "unanswered";
  const kept = waiting === 1 ? "Your message is kept" : `${messages(waiting)} are kept`;
  const held = waiting === 0 ? "" : ` ${kept} and will be sent as soon as possible.`;
  const text = (isThere ? CANNOT_STORE : reason) + held;
  return { ...LASTING, icon: isThere ? "warning" : "cloudOff", text };
}

/** How long there has been no connection; empty for a short time. */
function lengthOf(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < LONG_S) return "";
  const length = seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
  return `No connection for ${length}.`;
}

const messages = (count: number) => plural(count, "message");

/** How many messages have not reached the server. */
export function waitingMessages(outbox: readonly OutboxEntry[]): number {
  const isWaiting = ({ kind, status }: OutboxEntry) =>
    kind === "message" && (status === "waiting" || status === "sending");
  return outbox.filter(isWaiting).length;
}

/** Most interruptions are over before they are worth mentioning. */
const QUIET_MS = 2_000;

/** Whether to show the words for a connection that has not been well since `sinceMs`. */
export const isDue = ({ isLasting }: Words, sinceMs: number, nowMs: number): boolean =>
  isLasting || nowMs - sinceMs >= QUIET_MS;

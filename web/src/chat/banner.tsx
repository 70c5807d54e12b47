/** One quiet line about the connection, when there is something to say that lasts. */
import { useSignal, useSignalEffect } from "@preact/signals";
import type { OutboxEntry, Status } from "@threadcast/client";
import { Icon, type IconName } from "../design/icons.tsx";
import type { ChatModel } from "./model.ts";
import "./banner.css";

/** Most cuts are over before anybody has to know of them. */
const QUIET_MS = 2_000;
const TICK_MS = 500;

interface Words {
  readonly icon: IconName;
  readonly text: string;
  /** What the button says; null for none. */
  readonly action: string | null;
  /** Said at once: waiting would not make it go away. */
  readonly isLasting: boolean;
}

export function Banner({ model }: { model: ChatModel }) {
  const nowMs = useSignal(Date.now());
  const sinceMs = useSignal<number | null>(null);
  useSignalEffect(() => {
    const isLive = model.status.value.phase === "live";
    if (isLive) sinceMs.value = null;
    else sinceMs.value ??= Date.now();
    nowMs.value = Date.now();
    if (isLive) return;
    const timer = setInterval(() => {
      nowMs.value = Date.now();
    }, TICK_MS);
    return () => clearInterval(timer);
  });
  const words = describe(model.status.value, waitingMessages(model.outbox.value), nowMs.value);
  const isOld = sinceMs.value !== null && nowMs.value - sinceMs.value >= QUIET_MS;
  return (
    <div class="banner-place" role="status">
      {words !== null && (words.isLasting || isOld) && (
        <p class="banner">
          <Icon name={words.icon} />
          <span>{words.text}</span>
          {words.action !== null && (
            <button type="button" class="button small" onClick={() => model.client.start()}>
              {words.action}
            </button>
          )}
        </p>
      )}
    </div>
  );
}

/** What to say of a status; null while all is well. */
export function describe(status: Status, waiting: number, nowMs: number): Words | null {
  const held = waiting === 0 ? "" : ` ${messages(waiting)} will be sent when it is back.`;
  switch (status.phase) {
    case "connecting": {
      const text = status.attempt > 0 ? "Reconnecting…" : "Connecting…";
      return { icon: "refresh", text: text + held, action: null, isLasting: false };
    }
    case "catching_up": {
      const left = status.left.toLocaleString("en");
      const text = status.left > 0 ? `Catching up: ${left} events to go.` : "Catching up…";
      return { icon: "refresh", text, action: null, isLasting: false };
    }
    case "waiting": {
      const leftS = Math.ceil((status.untilMs - nowMs) / 1000);
      const when = leftS > 0 ? `in ${leftS} s` : "now";
      const why = status.reason || "The connection was lost.";
      const text = `${why} Reconnecting ${when}.${held}`;
      return { icon: "cloudOff", text, action: "Reconnect now", isLasting: false };
    }
    case "offline": {
      const text =
        waiting === 0 ? "You are offline." : `You are offline: ${messages(waiting)} waiting.`;
      return { icon: "cloudOff", text, action: null, isLasting: true };
    }
    case "stopped": {
      const text = status.reason || "The connection has ended.";
      return { icon: "warning", text, action: "Reconnect", isLasting: true };
    }
    default:
      return null;
  }
}

function messages(count: number): string {
  return count === 1 ? "1 message" : `${count} messages`;
}

function waitingMessages(outbox: readonly OutboxEntry[]): number {
  const isWaiting = ({ kind, status }: OutboxEntry) =>
    kind === "message" && (status === "waiting" || status === "sending");
  return outbox.filter(isWaiting).length;
}

/** One quiet line about the connection, when there is something to say that lasts. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { Icon } from "../design/icons.tsx";
import { describe, waitingMessages } from "./banner_words.ts";
import type { ChatModel } from "./model.ts";
import "./banner.css";

/** Most cuts are over before anybody has to know of them. */
const QUIET_MS = 2_000;
const TICK_MS = 500;

export function Banner({ model }: { model: ChatModel }) {
  const nowMs = useSignal(Date.now());
  const sinceMs = useSignal<number | null>(null);
  useSignalEffect(() => {
    const status = model.status.value;
    const isWell = status.phase === "live" && !status.trouble;
    if (isWell) sinceMs.value = null;
    // Trouble over a live connection was said at once, and what comes of it follows without a gap.
    else sinceMs.value ??= Date.now() - (status.phase === "live" ? QUIET_MS : 0);
    nowMs.value = Date.now();
    if (isWell) return;
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

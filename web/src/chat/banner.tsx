/** One quiet line about the connection, when something is wrong with it for long enough. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { Icon } from "../design/icons.tsx";
import { describe, isDue, waitingMessages } from "./banner_words.ts";
import type { ChatModel } from "./model.ts";
import "./banner.css";

const TICK_MS = 500;

export function Banner({ model }: { model: ChatModel }) {
  const nowMs = useSignal(Date.now());
  const sinceMs = useSignal<number | null>(null);
  useSignalEffect(() => {
    const status = model.status.value;
    const isWell = status.phase === "live" && !status.trouble;
    if (isWell) sinceMs.value = null;
    // Trouble on a live connection was shown at once: a reconnect that follows is, too.
    else sinceMs.value ??= status.phase === "live" ? 0 : Date.now();
    nowMs.value = Date.now();
    if (isWell) return;
    const timer = setInterval(() => {
      nowMs.value = Date.now();
    }, TICK_MS);
    return () => clearInterval(timer);
  });
  const words = describe(model.status.value, waitingMessages(model.outbox.value), nowMs.value);
  return (
    <div class="banner-place" role="status">
      {words !== null && isDue(words, sinceMs.value, nowMs.value) && (
        <p class="banner">
          <Icon name={words.icon} />
          <span>
            {words.text} <span aria-live="off">{words.aside}</span>
          </span>
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

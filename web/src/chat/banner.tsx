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
  const goneMs = useSignal<number | null>(null);
  const isKnown = useSignal(false);
  useSignalEffect(() => {
    const status = model.status.value;
    const isWell = status.phase === "live" && !status.trouble;
    nowMs.value = Date.now();
    if (isWell) sinceMs.value = null;
    else sinceMs.value ??= nowMs.peek();
    if (status.phase === "live" || status.phase === "catching_up") goneMs.value = null;
    else goneMs.value ??= nowMs.peek();
    // Trouble on a live connection is shown at once: a reconnect that follows is, too.
    isKnown.value = !isWell && (isKnown.peek() || status.phase === "live");
    if (isWell) return;
    const timer = setInterval(() => {
      nowMs.value = Date.now();
    }, TICK_MS);
    return () => clearInterval(timer);
  });
  const now = nowMs.value;
  const waiting = waitingMessages(model.outbox.value);
  const words = describe(model.status.value, waiting, now, goneMs.value ?? now);
  return (
    <div class="banner-place" role="status">
      {words !== null && (isKnown.value || isDue(words, sinceMs.value ?? now, now)) && (
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

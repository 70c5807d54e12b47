/** A message in the outbox: waiting, being sent, or refused. */
import type { OutboxEntry } from "@threadcast/client";
import { memo } from "../../design/memo.ts";
import type { ChatModel } from "../model.ts";
import { MessageView } from "./message.tsx";
import { useNow } from "./use_now.ts";

/** Most messages are stored before "Sending…" is worth showing. */
const USUAL_S = 1;

interface Props {
  entry: OutboxEntry;
  isOffline: boolean;
  model: ChatModel;
  onSend: (content: string) => void;
}

export const EntryView = memo(({ entry, isOffline, model, onSend }: Props) => {
  const isRefused = entry.status === "refused";
  const resend = (content: string) => {
    model.discard(entry.key);
    onSend(content);
  };
  const now = useNow(entry.status === "sending") / 1_000;
  const note = noteOf(entry, isOffline, now);
  return (
    <article
      class="run pending"
      data-status={entry.status}
      tabIndex={-1}
      aria-label="A message of yours"
    >
      <MessageView content={entry.content} timestamp={null} onResend={isRefused ? resend : null} />
      <p class={isRefused ? "run-status bad" : "run-status"} role="status">
        {note}
        {isRefused && (
          <>
            <button type="button" class="button quiet small" onClick={() => model.retry(entry.key)}>
              Try again
            </button>
            <button
              type="button"
              class="button quiet small"
              onClick={() => model.discard(entry.key)}
            >
              Discard
            </button>
          </>
        )}
      </p>
    </article>
  );
});

function noteOf(
  { status, error, createdAt }: OutboxEntry,
  isOffline: boolean,
  now: number,
): string {
  if (status === "refused") return `Not sent: ${error ?? "no reason was given"}`;
  if (status === "waiting" && error !== null) return `Not sent yet, trying again: ${error}`;
  if (status === "sending") return now > createdAt + USUAL_S ? "Sending…" : "";
  return isOffline ? "Will be sent when the connection is back." : "";
}

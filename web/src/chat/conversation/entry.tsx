/** A message that the server has not confirmed yet: it waits, is under way, or was refused. */
import type { OutboxEntry } from "@threadcast/client";
import type { ChatModel } from "../model.ts";
import { MessageView } from "./message.tsx";
import { still } from "./still.ts";

interface Props {
  entry: OutboxEntry;
  isOffline: boolean;
  model: ChatModel;
}

export const EntryView = still(({ entry, isOffline, model }: Props) => {
  const isRefused = entry.status === "refused";
  const note = noteOf(entry, isOffline);
  return (
    <article
      class="run pending"
      data-status={entry.status}
      tabIndex={-1}
      aria-label="A message of yours"
    >
      <MessageView content={entry.content} timestamp={null} onResend={null} />
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

function noteOf({ status, error }: OutboxEntry, isOffline: boolean): string {
  if (status === "refused") return `Not sent: ${error ?? "no reason was given"}`;
  if (status === "waiting" && error !== null) return `${error} Trying again…`;
  return isOffline ? "Will be sent when the connection is back." : "";
}

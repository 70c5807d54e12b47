/** An agent's thoughts, collapsed: how long they took, and their texts on demand. */
import { durationOfMs, durationOfS } from "../../design/durations.ts";
import { Icon } from "../../design/icons.tsx";
import type { Thoughts } from "./pieces.ts";
import { useNow } from "./use_now.ts";

export function ThoughtsView({ thoughts }: { thoughts: Thoughts }) {
  const now = useNow(thoughts.isOngoing);
  return (
    <details class="step thinking">
      <summary>
        <Icon name="thought" />
        <span class="step-title">{titleOf(thoughts, now)}</span>
        <Icon name="chevron" />
      </summary>
      <div class="step-body">
        {thoughts.texts.map((text, index) => (
          <p key={index} dir="auto">
            {text}
          </p>
        ))}
      </div>
    </details>
  );
}

function titleOf({ isOngoing, startedAt, endedAt }: Thoughts, now: number): string {
  if (isOngoing) {
    const ms = now - startedAt * 1000;
    return ms < 1_000 ? "Thinking…" : `Thinking… ${durationOfS(ms / 1_000)}`;
  }
  if (endedAt === null || endedAt < startedAt) return "Thoughts";
  const ms = (endedAt - startedAt) * 1000;
  return ms < 1_000 ? "Thought for a moment" : `Thought for ${durationOfMs(ms)}`;
}

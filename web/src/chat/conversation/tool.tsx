/** A tool call as a card: name, arguments and state, with the result collapsed. */
import type { ToolStep } from "@threadcast/client";
import { useState } from "preact/hooks";
import { durationOfS } from "../../design/durations.ts";
import { Icon, type IconName } from "../../design/icons.tsx";
import { memo } from "../../design/memo.ts";
import { plural } from "../../design/plural.ts";
import { briefly, took } from "./format.ts";
import { Code } from "./markdown/code.tsx";
import { useNow } from "./use_now.ts";

const SHOWN_MAX_CHARACTERS = 20_000;

const ICONS: Readonly<Record<ToolStep["status"], IconName>> = {
  running: "tool",
  completed: "tool",
  failed: "warning",
  abandoned: "tool",
};

export const ToolCard = memo(({ step }: { step: ToolStep }) => {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details
      class="step tool"
      data-status={step.status}
      onToggle={(event) => setIsOpen(event.currentTarget.open)}
    >
      <summary>
        <Icon name={ICONS[step.status]} />
        <span class="step-title">{step.tool}</span>
        <span class="step-brief truncate" dir="auto">
          {briefly(step.arguments)}
        </span>
        <ToolState step={step} />
        <Icon name="chevron" />
      </summary>
      {isOpen && (
        <div class="step-body">
          <Value name="Arguments" value={step.arguments} />
          <Outcome step={step} />
        </div>
      )}
    </details>
  );
});

function ToolState({ step }: { step: ToolStep }) {
  const now = useNow(step.status === "running");
  if (step.status === "running") {
    const ms = now - step.startedAt * 1000;
    return (
      <span class="step-state">
        <span class="spinner" aria-hidden="true" />
        {ms < 1_000 ? "running" : `running, ${durationOfS(ms / 1_000)}`}
      </span>
    );
  }
  const time = step.durationMs === null ? "" : took(step.durationMs);
  if (step.status === "abandoned") return <span class="step-state">not finished</span>;
  if (step.status === "completed") return <span class="step-state">{time}</span>;
  return <span class="step-state">{time === "" ? "failed" : `failed after ${time}`}</span>;
}

function Outcome({ step }: { step: ToolStep }) {
  if (step.status === "running") return <p class="hint">No result yet.</p>;
  if (step.status === "abandoned") {
    return (
      <p class="hint">The run ended before this call did. Whether it had an effect is not known.</p>
    );
  }
  return <Value name={step.status === "failed" ? "Error" : "Result"} value={step.result} />;
}

/** Plain text or highlighted JSON; of a long one, the beginning. */
function Value({ name, value }: { name: string; value: unknown }) {
  const [isWhole, setIsWhole] = useState(false);
  if (value === undefined) return null;
  const isText = typeof value === "string";
  const text = isText ? value : JSON.stringify(value, null, 2);
  const isCut = !isWhole && text.length > SHOWN_MAX_CHARACTERS;
  return (
    <>
      <Code
        language={isText ? "" : "json"}
        name={name}
        text={isCut ? text.slice(0, SHOWN_MAX_CHARACTERS) : text}
      />
      {isCut && (
        <button type="button" class="button quiet small" onClick={() => setIsWhole(true)}>
          Show all {plural(text.length, "character")}
        </button>
      )}
    </>
  );
}

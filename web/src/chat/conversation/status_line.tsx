/** The line under an answer: what the run is doing, or how it ended badly. */
import type { RunView } from "@threadcast/client";
import { isActive } from "@threadcast/client/chat";
import type { ComponentChildren } from "preact";
import { CopyButton } from "./copy_button.tsx";
import { failureDetails, failureWords, mayPass } from "./failure.ts";

interface RunActions {
  /** Send this run's message again as a new one. */
  onAgain: () => void;
  onCancel: () => void;
}

interface Props extends RunActions {
  run: RunView;
  isLast: boolean;
  isStopping: boolean;
  isOffline: boolean;
}

export function StatusLine(props: Props) {
  const { run, isLast } = props;
  if (run.status === "failed") return <Failure {...props} />;
  if (run.status === "cancelled") {
    return (
      <p class="run-status">
        {stoppedWords(run.reason)}
        {isLast && run.message !== null && <Again onAgain={props.onAgain} />}
      </p>
    );
  }
  return isActive(run) ? <Underway {...props} /> : null;
}

function Failure({ run, isLast, onAgain }: Props) {
  const isRetryable = run.failure !== null && mayPass(run.failure);
  const words = failureWords(run);
  const again = isLast && isRetryable && run.message !== null && <Again onAgain={onAgain} />;
  // Nothing went wrong, so that there is nothing to report.
  if (run.failure?.code === "expired") {
    return (
      <p class="run-status">
        {words}
        {again}
      </p>
    );
  }
  const details = failureDetails(run);
  return (
    <div class="run-status bad">
      <p>
        <span dir="auto">{words}</span>{" "}
        {!isRetryable && "Sending it again would most likely fail again."}
      </p>
      {again}
      <details>
        <summary>Details</summary>
        <pre dir="ltr">{details}</pre>
        <CopyButton text={details} what="details" />
      </details>
    </div>
  );
}

function Again({ onAgain }: { onAgain: () => void }) {
  return (
    <button
      type="button"
      class="button quiet small"
      title="Sends your message again as a new one"
      onClick={onAgain}
    >
      Try again
    </button>
  );
}

function Underway({ run, isStopping, isOffline, onCancel }: Props) {
  if (isStopping) {
    return <Busy>{isOffline ? "Will be stopped when the connection is back." : "Stopping…"}</Busy>;
  }
  if (isOffline) return null;
  if (run.status === "queued") {
    return (
      <Busy>
        {queuedWords(run.position)}
        <button type="button" class="button quiet small" onClick={onCancel}>
          Cancel
        </button>
      </Busy>
    );
  }
  return run.status === "running" && isQuiet(run) ? <Busy>Working…</Busy> : null;
}

/** Whether nothing else on the screen shows that the run goes on. */
function isQuiet({ steps }: RunView): boolean {
  const last = steps.at(-1);
  if (last === undefined || last.kind === "input") return true;
  return last.kind === "tool" && last.status !== "running";
}

function Busy({ children }: { children: ComponentChildren }) {
  return (
    <p class="run-status">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {children}
    </p>
  );
}

function queuedWords(position: number): string {
  if (position <= 0) return "Waiting to start…";
  return position === 1 ? "Waiting for the previous answer…" : `Waiting for ${position} answers…`;
}

function stoppedWords(reason: string): string {
  if (reason === "interrupted") return "Stopped because you sent another message.";
  if (reason === "disconnected") return "Stopped when the last device disconnected.";
  return "Stopped.";
}

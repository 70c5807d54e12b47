/** A titled panel, and the placeholder for a missing answer. */
import type { ThreadcastError } from "@threadcast/client/request";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface PanelProps {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Panel({ title, aside, children }: PanelProps) {
  const heading = useId();
  return (
    <section class="panel" aria-labelledby={heading}>
      <div class="panel-head">
        <h2 id={heading}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** Shown while there is no answer. */
export function NoAnswer({ problem, sought }: { problem: ThreadcastError | null; sought: string }) {
  if (problem === null) return <p class="nothing">Loading…</p>;
  const text = problem.status === 404 ? `There is no such ${sought}.` : problem.message;
  return (
    <p class="nothing" role="alert">
      {text}
    </p>
  );
}

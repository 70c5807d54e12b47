/** Pieces that views share: a panel with a heading, a name with its figure, links, an age. */

import type { ThreadcastError } from "@threadcast/client/request";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { moment, span } from "../format.ts";
import { serverNow } from "../live.ts";
import { fragmentOf } from "../route.ts";

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

interface TileProps {
  readonly name: string;
  readonly kind?: "good" | "bad" | "plain";
  /** The figure, or a few words. */
  readonly value: ComponentChildren;
  readonly hint: ComponentChildren;
  readonly large?: boolean;
}

/** A name, a figure, and what the figure is of. */
export function Tile({ name, kind = "plain", value, hint, large = false }: TileProps) {
  return (
    <div class={`panel tile ${kind}${large ? " large" : ""}`}>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <span class="hint">{hint}</span>
      </dd>
    </div>
  );
}

export function UserLink({ id }: { id: string }) {
  return (
    <a class="id" href={fragmentOf({ view: "users", id })}>
      {id}
    </a>
  );
}

export function RunLink({ id }: { id: string }) {
  return (
    <a class="id" href={fragmentOf({ view: "runs", id })}>
      {id}
    </a>
  );
}

export function Id({ id }: { id: string | null }) {
  return id === null ? <span class="soft">–</span> : <code class="id">{id}</code>;
}

/** How long ago something was, with the moment as a tip. */
export function Ago({ at }: { at: number | null }) {
  if (at === null) return <span class="soft">–</span>;
  const now = serverNow.value;
  return <time title={moment(at, now)}>{span(now - at)} ago</time>;
}

/** How long something has been going on. */
export function Since({ at }: { at: number }) {
  const now = serverNow.value;
  return <time title={moment(at, now)}>{span(now - at)}</time>;
}

const RUN_KINDS: Record<string, string> = {
  running: "info",
  waiting: "warn",
  queued: "",
  completed: "good",
  failed: "danger",
  cancelled: "",
};

export function StatusBadge({ status }: { status: string }) {
  return <span class={`badge ${RUN_KINDS[status] ?? ""}`}>{status}</span>;
}

/** What a view shows while it has no answer yet. */
export function NoAnswer({ problem, sought }: { problem: ThreadcastError | null; sought: string }) {
  if (problem === null) return <p class="nothing">Asking …</p>;
  const text = problem.status === 404 ? `There is no such ${sought}.` : problem.message;
  return (
    <p class="nothing" role="alert">
      {text}
    </p>
  );
}

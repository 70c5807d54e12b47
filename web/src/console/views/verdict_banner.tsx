/** The sentence that says whether all is well, and each trouble with whom it hits and since when. */
import { Icon } from "../../design/icons.tsx";
import { many, moment, span } from "../format.ts";
import { ageS, problem, serverNow, stale } from "../live.ts";
import type { Overview } from "../ops.ts";
import { type Trouble, verdictOf } from "../verdict.ts";

export function VerdictBanner({ overview }: { overview: Overview }) {
  const verdict = verdictOf(overview);
  const isOld = stale.value;
  const kind = isOld ? "unknown" : verdict.severity;
  return (
    <section class={`verdict ${kind}`} aria-label="State">
      <span class="verdict-mark" aria-hidden="true">
        <Icon name={MARKS[kind]} />
      </span>
      <div class="verdict-words">
        <div role="status">
          <h1>{isOld ? (problem.value?.message ?? SILENT) : verdict.sentence}</h1>
        </div>
        <p>
          {isOld ? (
            <Silence overview={overview} />
          ) : (
            <Scope overview={overview} worst={verdict.troubles[0]} />
          )}
        </p>
      </div>
      {verdict.troubles.length > 0 && (
        <ul class="troubles">
          {verdict.troubles.map((trouble) => (
            <TroubleItem key={trouble.key} trouble={trouble} />
          ))}
        </ul>
      )}
    </section>
  );
}

const SILENT = "The server does not answer.";

const MARKS = {
  well: "check",
  troubled: "warning",
  broken: "warning",
  unknown: "question",
} as const;

/** How much there is for which the sentence holds; or whom the worst hits, and since when. */
function Scope({ overview, worst }: { overview: Overview; worst: Trouble | undefined }) {
  const { totals, nodes, at } = overview;
  if (worst !== undefined) return <>{`For ${worst.whom}, since ${began(worst.since)}.`}</>;
  const since = calmSince(overview);
  return (
    <>
      {`${many(totals.nodes_alive, "node")}`}
      {nodes.length > totals.nodes_alive && ` of ${nodes.length}`}
      {`, ${many(totals.connections, "connection")} of ${many(totals.users, "user")}, `}
      {`${many(totals.runs, "run")}. Nothing was wrong since ${moment(since, at)}, `}
      {`for ${span(serverNow.value - since)}.`}
    </>
  );
}

/** When a trouble began, and for how long it has been. */
function began(since: number | null): string {
  const now = serverNow.value;
  return since === null
    ? "a time that is not known"
    : `${moment(since, now)} (${span(now - since)})`;
}

/** Since when nothing was wrong, as far as the node that answers can know. */
function calmSince({ since, told }: Overview): number {
  return Math.max(since, ...told.map((one) => one.at));
}

function Silence({ overview }: { overview: Overview }) {
  return (
    <>
      {`Since ${moment(overview.at, serverNow.value)} (${span(ageS.value ?? 0)}). `}
      What is shown is how it was then.
    </>
  );
}

function TroubleItem({ trouble }: { trouble: Trouble }) {
  return (
    <li class={`trouble ${trouble.severity}`}>
      <b>{trouble.what}</b>
      <dl>
        <div>
          <dt>For</dt>
          <dd>{trouble.whom}</dd>
        </div>
        <div>
          <dt>Since</dt>
          <dd>{began(trouble.since)}</dd>
        </div>
        <div>
          <dt>Do</dt>
          <dd>{trouble.advice}</dd>
        </div>
      </dl>
    </li>
  );
}

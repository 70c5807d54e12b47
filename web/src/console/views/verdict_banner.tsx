/** The verdict in one sentence, and each trouble with who is affected and since when. */
import { Icon } from "../../design/icons.tsx";
import { Prose } from "../../design/prose.tsx";
import { around, moment, plural, span } from "../format.ts";
import { calmSince, pastOf, whoseServer } from "../history.ts";
import { ageS, isStale, problem, seen, serverNow } from "../live.ts";
import type { Overview } from "../ops.ts";
import { fragmentOf } from "../route.ts";
import { isAbout, type Trouble, verdictOf } from "../verdict.ts";
import { PastTroubles } from "./past_troubles.tsx";
import { Whom } from "./whom.tsx";

export function VerdictBanner({ overview }: { overview: Overview }) {
  const verdict = verdictOf(overview);
  const [worst, ...others] = verdict.troubles;
  const isOld = isStale.value;
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
        {isOld ? <Silence overview={overview} /> : <Scope overview={overview} worst={worst} />}
        {!isOld && verdict.others !== "" && <p role="status">{verdict.others}</p>}
      </div>
      {others.length > 0 && (
        <ul class="troubles">
          {others.map((trouble) => (
            <TroubleItem key={trouble.key} trouble={trouble} />
          ))}
        </ul>
      )}
      <PastTroubles past={pastOf(overview, seen.value)} />
    </section>
  );
}

const SILENT = "The server is not responding.";

const MARKS = {
  well: "check",
  troubled: "warning",
  broken: "warning",
  unknown: "question",
} as const;

/** What the verdict covers; or who the worst trouble affects, since when, and what to do. */
function Scope({ overview, worst }: { overview: Overview; worst: Trouble | undefined }) {
  const { totals, nodes, at } = overview;
  if (worst !== undefined) return <Worst trouble={worst} />;
  const calm = calmSince(overview, seen.value);
  return (
    <p>
      {`${plural(totals.nodes_alive, "node")}`}
      {nodes.length > totals.nodes_alive && ` of ${nodes.length}`}
      {`, ${plural(totals.connections, "connection")} of ${plural(totals.users, "user")}`}
      {!totals.users_once && " (counted on each node)"}
      {", "}
      {`${plural(totals.runs, "run")}. Nothing has been wrong since `}
      {`${(calm.isAbout ? around : moment)(calm.at, at)}, for ${span(serverNow.value - calm.at)}.`}
    </p>
  );
}

function Worst({ trouble }: { trouble: Trouble }) {
  return (
    <>
      <p>
        For <Whom trouble={trouble} />
        {trouble.until === undefined && `, since ${began(trouble)}`}.
      </p>
      <p class="advice">
        <Advice trouble={trouble} />
      </p>
    </>
  );
}

function Advice({ trouble: { advice, look } }: { trouble: Trouble }) {
  return (
    <>
      <Prose text={advice} /> {look !== undefined && <a href={fragmentOf(look)}>Which runs?</a>}
    </>
  );
}

/** When a trouble began, and how long ago. */
function began(trouble: Trouble): string {
  const { since } = trouble;
  const now = serverNow.value;
  if (since === null) return "a time that is not known";
  return `${(isAbout(trouble) ? around : moment)(since, now)} (${span(now - since)})`;
}

function Silence({ overview }: { overview: Overview }) {
  return (
    <>
      <p>
        {`For ${whoseServer(overview)}, `}
        {`since ${moment(overview.at, serverNow.value)} (${span(ageS.value ?? 0)}). `}
        What is shown is how it was then.
      </p>
      <p class="advice">
        Look whether the process runs and what its log says last; one that runs and does not answer
        its /healthz is best restarted. Runs and messages are kept.
      </p>
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
          <dd>
            <Whom trouble={trouble} />
          </dd>
        </div>
        {trouble.until === undefined && (
          <div>
            <dt>Since</dt>
            <dd>{began(trouble)}</dd>
          </div>
        )}
        <div>
          <dt>Do</dt>
          <dd>
            <Advice trouble={trouble} />
          </dd>
        </div>
      </dl>
    </li>
  );
}

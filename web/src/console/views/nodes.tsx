/** All nodes in detail, with a button to drain one. */
import { drainNode } from "../actions/actions.ts";
import { ActionButton } from "../actions/dialog.tsx";
import { bytes, count, duration, plural, span } from "../format.ts";
import { overview, problem } from "../live.ts";
import type { NodeOverview, NodeSummary } from "../ops.ts";
import { Ago } from "./ages.tsx";
import { ping, stateOf } from "./node_columns.tsx";
import { NoAnswer, Panel } from "./panel.tsx";

/** A node that joins later than this after its start has joined before. */
const JOINED_WITHIN_S = 60;

export function NodesView() {
  const now = overview.value;
  if (now === null) return <NoAnswer problem={problem.value} sought="server" />;
  const { nodes_alive: alive, nodes_lost: lost } = now.totals;
  const working = now.nodes.filter((node) => node.alive && node.summary?.draining !== true);
  return (
    <div class="view">
      <h1>Nodes</h1>
      <p class="soft">
        {`${plural(alive, "node")} alive${lost > 0 ? `, ${count(lost)} lost` : ""}. `}
        {`As seen by ${now.node_id}.`}
      </p>
      <div class="cards">
        {now.nodes.map((node) => (
          <NodeCard
            key={node.node_id}
            node={node}
            isAsked={now.database.ok}
            others={working.filter((other) => other !== node).length}
          />
        ))}
        <DatabasePanel facts={now.database_facts} />
      </div>
    </div>
  );
}

interface NodeProps {
  readonly node: NodeOverview;
  /** Whether the answering node has the database, which leases and actions need. */
  readonly isAsked: boolean;
  /** How many other nodes take new work. */
  readonly others: number;
}

function NodeCard({ node, isAsked, others }: NodeProps) {
  const { summary } = node;
  const [kind, word] = stateOf(node);
  const canDrain = isAsked && node.alive && summary !== null && !summary.draining;
  return (
    <Panel title={node.node_id} aside={<span class={`badge ${kind}`}>{word}</span>}>
      <p class="soft">
        {`Role ${node.role}, version ${node.version}, up for ${span(node.age_s)}`}
        {cameBack(node) && `, considered lost until ${span(node.joined_s ?? 0)} ago`}
        {node.lease_left_s !== null &&
          isAsked &&
          `, lease ${node.lease_left_s < 0 ? `expired ${span(-node.lease_left_s)} ago` : `expires in ${span(node.lease_left_s)}`}`}
      </p>
      {summary !== null && <Summary summary={summary} />}
      <div class="foot">
        <span class="hint">
          {summary === null ? "No report yet." : <Reported at={summary.at} />}
        </span>
        {canDrain && <ActionButton proposal={drainNode(node, others)} label="Drain" />}
      </div>
    </Panel>
  );
}

/** Whether a node joined again while it ran. */
function cameBack({ age_s: age, joined_s: joined }: NodeOverview): boolean {
  return joined !== null && age - joined > JOINED_WITHIN_S;
}

function Reported({ at }: { at: number }) {
  return (
    <>
      Reported <Ago at={at} />.
    </>
  );
}

function Summary({ summary }: { summary: NodeSummary }) {
  const ms = (value: number | null) => duration(value === null ? null : value / 1_000);
  const facts: readonly [string, string][] = [
    ["Connections", `${count(summary.connections)} of ${plural(summary.users, "user")}`],
    ["Runs", count(summary.runs)],
    ["Events in", `${count(summary.events_in_per_s)}/s`],
    ["Events out", `${count(summary.events_out_per_s)}/s`],
    ["Commit", `${ms(summary.commit_ms_p50)} p50, ${ms(summary.commit_ms_p99)} p99`],
    ["Commit to send", `${ms(summary.send_ms_p99)} p99`],
    ["Lagging readers", count(summary.lagging)],
    ["Loop blocked", ms(summary.loop_lag_ms)],
    ["Database", ping(summary.database)],
    ["Bus", ping(summary.bus)],
  ];
  return <Facts facts={facts} />;
}

function DatabasePanel({ facts }: { facts: Readonly<Record<string, string>> }) {
  const named = Object.entries(facts).map(([name, text]): readonly [string, string] => [
    name.replaceAll("_", " ").replace(/ bytes$/, " size"), // "database" without a suffix is its name
    name.endsWith("_bytes") ? bytes(Number(text)) : text,
  ]);
  if (named.length === 0) return null;
  return (
    <Panel title="Database">
      <Facts facts={named} />
    </Panel>
  );
}

function Facts({ facts }: { facts: readonly (readonly [string, string])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

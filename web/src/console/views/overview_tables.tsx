/** The tables of the overview: nodes, runs, lagging readers, refusals, alerts. */
import { count, figure, moment, plural } from "../format.ts";
import type {
  CodeCount,
  LaggingAnywhere,
  NodeOverview,
  Overview,
  RunStatusCount,
  ToldAlert,
} from "../ops.ts";
import { FAILED, fragmentOf } from "../route.ts";
import { type Column, Table } from "../table.tsx";
import { Ago, Since } from "./ages.tsx";
import { Id, RunLink, UserLink } from "./ids.tsx";
import { NODE_COLUMNS } from "./node_columns.tsx";
import { Panel } from "./panel.tsx";
import { StatusBadge } from "./run_columns.tsx";

interface Props {
  readonly overview: Overview;
}

export function NodesPanel({ overview }: Props) {
  return (
    <Panel title="Nodes" aside={<a href={fragmentOf({ view: "nodes" })}>All nodes</a>}>
      <Table<NodeOverview>
        caption="Nodes"
        rows={overview.nodes}
        keyOf={(node) => node.node_id}
        columns={NODE_COLUMNS}
        nothing="No node is known."
      />
    </Panel>
  );
}

const STATUS_COLUMNS: readonly Column<RunStatusCount>[] = [
  { title: "State", cell: (runs) => <StatusBadge status={runs.status} /> },
  { title: "Runs", isNumber: true, cell: (runs) => count(runs.count) },
  {
    title: "Oldest age",
    isNumber: true,
    cell: ({ oldest }) => (oldest === null ? "–" : <Since at={oldest.created_at} />),
  },
  {
    title: "Oldest run",
    cell: ({ oldest }) => (oldest === null ? "–" : <RunLink id={oldest.run_id} />),
  },
  { title: "User", cell: ({ oldest }) => (oldest === null ? "–" : <UserLink id={oldest.user} />) },
];

export function RunsPanel({ overview: { runs } }: Props) {
  const more = runs !== null && !runs.complete;
  return (
    <Panel title="Runs" aside={<a href={fragmentOf({ view: "runs", id: "" })}>All live runs</a>}>
      <Table<RunStatusCount>
        caption="Runs that have not ended, by state"
        rows={runs?.states ?? []}
        keyOf={(one) => one.status}
        columns={STATUS_COLUMNS}
        nothing="Unknown without the database."
      />
      {more && <p class="hint">There are more than could be counted.</p>}
    </Panel>
  );
}

const LAGGING_COLUMNS: readonly Column<LaggingAnywhere>[] = [
  { title: "User", cell: (one) => <UserLink id={one.user} /> },
  { title: "Device", cell: (one) => <Id id={one.connection_id} /> },
  { title: "Behind", isNumber: true, cell: (one) => plural(one.lag_events, "event") },
  { title: "For", isNumber: true, cell: (one) => <Since at={one.since} /> },
  { title: "Node", cell: (one) => <Id id={one.node_id} /> },
];

export function LaggingPanel({ overview: { lagging_readers: readers, totals } }: Props) {
  return (
    <Panel title="Who is behind">
      <Table<LaggingAnywhere>
        caption="Readers that are behind their journal, the longest first"
        rows={readers}
        keyOf={(one) => one.connection_id}
        columns={LAGGING_COLUMNS}
        nothing={totals.lagging === 0 ? "No reader is behind." : "Unknown without the database."}
      />
      {readers.length > 0 && totals.lagging > readers.length && (
        <p class="hint">{`The longest behind, of ${count(totals.lagging)} in total.`}</p>
      )}
    </Panel>
  );
}

const CODE_COLUMNS: readonly Column<CodeCount>[] = [
  { title: "Code", cell: (one) => <code>{one.code}</code> },
  { title: "Last 5 min", isNumber: true, cell: (one) => count(one.recent) },
  { title: "Total", isNumber: true, cell: (one) => count(one.total) },
  { title: "Last", isNumber: true, cell: (one) => <Ago at={one.last_at} /> },
];

export function FailuresPanel({ overview }: Props) {
  const failed = fragmentOf({ view: "runs", id: FAILED });
  return (
    <Panel title="Failed runs" aside={<a href={failed}>The latest</a>}>
      <Table<CodeCount>
        caption="Runs that failed, by code"
        rows={overview.failures}
        keyOf={(one) => one.code}
        columns={CODE_COLUMNS}
        nothing="No run has failed."
      />
    </Panel>
  );
}

export function RefusalsPanel({ overview }: Props) {
  return (
    <Panel title="Refusals">
      <Table<CodeCount>
        caption="Refused requests and commands, by code"
        rows={overview.refusals}
        keyOf={(one) => one.code}
        columns={CODE_COLUMNS}
        nothing="Nothing was refused."
      />
    </Panel>
  );
}

const CHANGES: Record<ToldAlert["change"], string> = {
  firing: "danger",
  reminder: "warn",
  recovered: "good",
};

function toldColumns(today: number): readonly Column<ToldAlert>[] {
  return [
    { title: "When", cell: (one) => moment(one.at, today) },
    { title: "Rule", cell: (one) => <code>{one.rule}</code> },
    {
      title: "Change",
      cell: (one) => <span class={`badge ${CHANGES[one.change]}`}>{one.change}</span>,
    },
    { title: "Value", isNumber: true, cell: (one) => figure(one.value) },
    { title: "Threshold", isNumber: true, cell: (one) => figure(one.threshold) },
    { title: "Node", cell: (one) => <Id id={one.node_id} /> },
  ];
}

export function ToldPanel({ overview }: Props) {
  return (
    <Panel title="Alerts">
      <Table<ToldAlert>
        caption="Alerts, latest first"
        rows={overview.told}
        keyOf={(one) => `${one.at} ${one.rule} ${one.node_id}`}
        columns={toldColumns(overview.at)}
        nothing="No alert since the nodes started."
      />
    </Panel>
  );
}

/** The columns of a run in a table. */
import { count } from "../format.ts";
import { overview } from "../live.ts";
import type { RunLine } from "../ops.ts";
import type { Column } from "../table.tsx";
import { Ago } from "./ages.tsx";
import { Id, RunLink } from "./ids.tsx";

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

/** Why a run failed, if a node remembers it; its timeline says so in any case. */
function Code({ run }: { run: RunLine }) {
  const failed = overview.value?.failed_runs.find((one) => one.run_id === run.run_id);
  return failed === undefined ? null : <code>{failed.code}</code>;
}

/** For runs that have ended, which no node owns. */
export const ENDED_COLUMNS: readonly Column<RunLine>[] = [
  { title: "Run", cell: (run) => <RunLink id={run.run_id} /> },
  {
    title: "State",
    cell: (run) => (
      <>
        <StatusBadge status={run.status} /> <Code run={run} />
      </>
    ),
  },
  { title: "Agent", cell: (run) => run.agent },
  { title: "Attempt", isNumber: true, cell: (run) => count(run.attempt) },
  { title: "Created", isNumber: true, cell: (run) => <Ago at={run.created_at} /> },
];

export const RUN_COLUMNS: readonly Column<RunLine>[] = [
  ...ENDED_COLUMNS,
  { title: "Node", cell: (run) => <Id id={run.owner} /> },
];

/** The live runs of all users, those that failed last, and the look-up of any run by its id. */
import { useSignal } from "@preact/signals";
import { FindForm } from "../find_form.tsx";
import { moment } from "../format.ts";
import { overview, problem } from "../live.ts";
import type { FailedAnywhere, LiveRun, LiveRuns } from "../ops.ts";
import { FAILED, open } from "../route.ts";
import { type Column, Table } from "../table.tsx";
import { useAnswer } from "../watch.ts";
import { Id, RunLink, UserLink } from "./ids.tsx";
import { NoAnswer, Panel } from "./panel.tsx";
import { RUN_COLUMNS } from "./run_columns.tsx";

const EVERY_MS = 3_000;
const RUNS_MAX = 200;
const STATES = ["", "queued", "running", "waiting"] as const;
type State = (typeof STATES)[number];

const COLUMNS: readonly Column<LiveRun>[] = [
  ...RUN_COLUMNS.slice(0, 2),
  { title: "User", cell: (run) => <UserLink id={run.user} /> },
  ...RUN_COLUMNS.slice(2),
];

export function RunsView({ isFailed }: { isFailed: boolean }) {
  const state = useSignal<State>("");
  const chosen = isFailed ? FAILED : state.value;
  return (
    <div class="view">
      <h1>Runs</h1>
      <FindForm label="Run id" sought="" onFind={(id) => open({ view: "runs", id })} />
      <Panel
        title={isFailed ? "Failed runs, latest first" : "Live runs"}
        aside={
          <fieldset class="choice">
            <legend class="sr-only">State of the runs</legend>
            {STATES.map((one) => (
              <Choice
                key={one}
                label={one === "" ? "live" : one}
                isChosen={chosen === one}
                onChoose={() => {
                  state.value = one;
                  open({ view: "runs", id: "" });
                }}
              />
            ))}
            <Choice
              label="failed"
              isChosen={isFailed}
              onChoose={() => open({ view: "runs", id: FAILED })}
            />
          </fieldset>
        }
      >
        {isFailed ? <Failed /> : <Live wanted={state.value} />}
      </Panel>
    </div>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

function Choice({ label, isChosen, onChoose }: ChoiceProps) {
  return (
    <button type="button" aria-pressed={isChosen} onClick={onChoose}>
      {label}
    </button>
  );
}

function Live({ wanted }: { wanted: State }) {
  const { answer, problem } = useAnswer<LiveRuns>(`runs ${wanted}`, EVERY_MS, (server) =>
    server.get("ops/runs", { limit: RUNS_MAX, status: wanted === "" ? null : wanted }),
  );
  if (answer === null) return <NoAnswer problem={problem} sought="run" />;
  return (
    <>
      <Table<LiveRun>
        caption="Runs that have not ended, oldest first"
        rows={answer.runs}
        keyOf={(run) => run.run_id}
        columns={COLUMNS}
        nothing="No live run."
      />
      {answer.runs.length === RUNS_MAX && (
        <p class="hint">These are the {RUNS_MAX} oldest; there may be more.</p>
      )}
    </>
  );
}

function failedColumns(today: number): readonly Column<FailedAnywhere>[] {
  return [
    { title: "When", cell: (run) => moment(run.at, today) },
    { title: "Code", cell: (run) => <code>{run.code}</code> },
    { title: "User", cell: (run) => <UserLink id={run.user} /> },
    { title: "Agent", cell: (run) => run.agent },
    { title: "Run", cell: (run) => <RunLink id={run.run_id} /> },
    { title: "Node", cell: (run) => <Id id={run.node_id} /> },
  ];
}

/** What the nodes remember, so without those that failed before they started. */
function Failed() {
  const now = overview.value;
  if (now === null) return <NoAnswer problem={problem.value} sought="server" />;
  return (
    <>
      <Table<FailedAnywhere>
        caption="Runs that failed, latest first"
        rows={now.failed_runs}
        keyOf={(run) => run.run_id}
        columns={failedColumns(now.at)}
        nothing={now.database.ok ? "No run has failed." : "Unknown without the database."}
      />
      {now.failed_runs.length > 0 && (
        <p class="hint">
          The latest that each node remembers since it started. The log says more, under the run’s
          id.
        </p>
      )}
    </>
  );
}

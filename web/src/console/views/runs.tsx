/** The live runs of all users, and the look-up of any run by its id. */
import { useSignal } from "@preact/signals";
import { FindForm } from "../find_form.tsx";
import type { LiveRun, LiveRuns } from "../ops.ts";
import { open } from "../route.ts";
import { type Column, Table } from "../table.tsx";
import { useAnswer } from "../watch.ts";
import { UserLink } from "./ids.tsx";
import { NoAnswer, Panel } from "./panel.tsx";
import { RUN_COLUMNS } from "./run_columns.tsx";

const EVERY_MS = 3_000;
const RUNS_MAX = 200;
const STATES = ["", "queued", "running", "waiting"] as const;

const COLUMNS: readonly Column<LiveRun>[] = [
  ...RUN_COLUMNS.slice(0, 2),
  { title: "User", cell: (run) => <UserLink id={run.user} /> },
  ...RUN_COLUMNS.slice(2),
];

export function RunsView() {
  const state = useSignal<(typeof STATES)[number]>("");
  const wanted = state.value;
  const { answer, problem } = useAnswer<LiveRuns>(`runs ${wanted}`, EVERY_MS, (server) =>
    server.get("ops/runs", { limit: RUNS_MAX, status: wanted === "" ? null : wanted }),
  );
  return (
    <div class="view">
      <h1>Runs</h1>
      <FindForm label="Run id" sought="" onFind={(id) => open({ view: "runs", id })} />
      <Panel
        title="Live runs"
        aside={
          <fieldset class="choice">
            <legend class="sr-only">State of the runs</legend>
            {STATES.map((one) => (
              <button
                key={one}
                type="button"
                aria-pressed={wanted === one}
                onClick={() => {
                  state.value = one;
                }}
              >
                {one === "" ? "all" : one}
              </button>
            ))}
          </fieldset>
        }
      >
        {answer === null ? (
          <NoAnswer problem={problem} sought="run" />
        ) : (
          <Table<LiveRun>
            caption="Runs that have not ended, oldest first"
            rows={answer.runs}
            keyOf={(run) => run.run_id}
            columns={COLUMNS}
            nothing="No live run."
          />
        )}
        {answer?.runs.length === RUNS_MAX && (
          <p class="hint">These are the {RUNS_MAX} oldest; there may be more.</p>
        )}
      </Panel>
    </div>
  );
}

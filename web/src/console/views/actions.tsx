/** The audit trail: who did what, to whom, when, and with what outcome. */
import { useSignal } from "@preact/signals";
import { moment } from "../format.ts";
import { serverNow } from "../live.ts";
import type { Action, ActionPage } from "../ops.ts";
import { type Column, Table } from "../table.tsx";
import { useAnswer } from "../watch.ts";
import { RunLink, UserLink } from "./ids.tsx";
import { NoAnswer, Panel } from "./panel.tsx";

const EVERY_MS = 5_000;
const PAGE_MAX_ACTIONS = 50;

const NAMES: Record<Action["action"], string> = {
  disconnect: "disconnected",
  sign_out: "signed out everywhere",
  cancel_run: "cancelled the run",
  drain_node: "drained the node",
};

const KINDS: Record<Action["outcome"], string> = { done: "good", begun: "info", failed: "danger" };

export function ActionsView() {
  const before = useSignal<string | null>(null);
  const cursor = before.value;
  const { answer, problem } = useAnswer<ActionPage>(`actions ${cursor}`, EVERY_MS, (server) =>
    server.get("ops/actions", { limit: PAGE_MAX_ACTIONS, before: cursor }),
  );
  return (
    <div class="view">
      <h1>Actions</h1>
      <Panel title="Audit trail, latest first">
        {answer === null ? (
          <NoAnswer problem={problem} sought="page" />
        ) : (
          <Table<Action>
            caption="Audit trail, latest first"
            rows={answer.actions}
            keyOf={(one) => one.action_id}
            columns={columns(serverNow.value)}
            nothing="No operator has done anything yet."
          />
        )}
        <div class="buttons">
          {cursor !== null && (
            <button type="button" class="button small" onClick={() => (before.value = null)}>
              Latest
            </button>
          )}
          {answer?.next != null && (
            <button
              type="button"
              class="button small"
              onClick={() => {
                before.value = answer.next;
              }}
            >
              Older
            </button>
          )}
        </div>
      </Panel>
    </div>
  );
}

function columns(today: number): readonly Column<Action>[] {
  return [
    { title: "When", cell: (one) => moment(one.at, today) },
    { title: "Operator", cell: (one) => one.operator },
    { title: "Did", cell: (one) => NAMES[one.action] },
    { title: "To", cell: (one) => <Target action={one} /> },
    {
      title: "Outcome",
      cell: (one) => (
        <span class="stack">
          <span class={`badge ${KINDS[one.outcome]}`}>{one.outcome}</span>
          {one.detail !== null && <span class="hint">{one.detail}</span>}
        </span>
      ),
    },
    { title: "Reason", cell: (one) => one.reason ?? <span class="soft">–</span> },
    { title: "Request", cell: (one) => <code class="id">{one.request_id}</code> },
  ];
}

function Target({ action: { action, target, user } }: { action: Action }) {
  if (action === "cancel_run") return <RunLink id={target} />;
  if (user === target) return <UserLink id={target} />;
  return (
    <span class="stack">
      <code class="id">{target}</code>
      {user !== null && (
        <span class="hint">
          of <UserLink id={user} />
        </span>
      )}
    </span>
  );
}

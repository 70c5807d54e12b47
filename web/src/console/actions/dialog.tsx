/** The dialog that confirms an action by typing its target, then shows its outcome. */
import { useSignal } from "@preact/signals";
import { ThreadcastError } from "@threadcast/client/request";
import { useId } from "preact/hooks";
import { Confirm, Dialog } from "../../design/dialog.tsx";
import { access } from "../access.ts";
import type { Action } from "../ops.ts";
import { fragmentOf } from "../route.ts";
import { type Proposal, proposed } from "./actions.ts";

const REASON_MAX_CHARACTERS = 200;

export function ActionDialog() {
  const proposal = proposed.value;
  return proposal === null ? null : <Question key={proposal} proposal={proposal} />;
}

function close(): void {
  proposed.value = null;
}

function Question({ proposal }: { proposal: Proposal }) {
  const typed = useSignal("");
  const reason = useSignal("");
  const isBusy = useSignal(false);
  const trouble = useSignal("");
  const done = useSignal<Action | null>(null);
  const ids = { target: useId(), reason: useId(), problem: useId() };
  if (done.value !== null) return <Outcome action={done.value} />;

  const act = async () => {
    isBusy.value = true;
    trouble.value = "";
    try {
      done.value =
        (await access.value?.server.post<Action>(`ops/actions/${proposal.action}`, {
          ...proposal.body,
          confirm: typed.value,
          ...(reason.value.trim() === "" ? {} : { reason: reason.value.trim() }),
        })) ?? null;
    } catch (problem) {
      if (!(problem instanceof ThreadcastError)) throw problem;
      trouble.value = problem.message;
    } finally {
      isBusy.value = false;
    }
  };

  return (
    <Confirm
      title={proposal.title}
      action={proposal.verb}
      danger
      disabled={typed.value !== proposal.target || isBusy.value}
      onConfirm={() => void act()}
      onClose={() => {
        // It also closes when the outcome replaces it.
        if (done.value === null) close();
      }}
    >
      <ul class="happens">
        {proposal.happens.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      <div class="field">
        <label class="label" for={ids.target}>
          Type the {proposal.kind}’s id to confirm
        </label>
        <code class="target">{proposal.target}</code>
        <input
          id={ids.target}
          class="input mono"
          autocomplete="off"
          spellcheck={false}
          value={typed.value}
          aria-describedby={ids.problem}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
          }}
        />
      </div>
      <div class="field">
        <label class="label" for={ids.reason}>
          Reason <span class="hint">(optional; recorded in the audit trail)</span>
        </label>
        <input
          id={ids.reason}
          class="input"
          maxLength={REASON_MAX_CHARACTERS}
          autocomplete="off"
          value={reason.value}
          onInput={(event) => {
            reason.value = event.currentTarget.value;
          }}
        />
      </div>
      <p class="problem" id={ids.problem} role="alert">
        {trouble.value}
      </p>
    </Confirm>
  );
}

const OUTCOMES: Record<Action["outcome"], [string, string]> = {
  done: ["good", "Done"],
  begun: ["info", "Begun"],
  failed: ["danger", "Failed"],
};

function Outcome({ action }: { action: Action }) {
  const [kind, word] = OUTCOMES[action.outcome];
  return (
    <Dialog title={word} onClose={close}>
      <p role="status">
        <span class={`badge ${kind}`}>{word.toLowerCase()}</span>{" "}
        {action.detail ?? "The server has accepted it."}
      </p>
      <p class="hint">
        Recorded in the{" "}
        <a href={fragmentOf({ view: "actions" })} onClick={close}>
          audit trail
        </a>
        .
      </p>
      <div class="dialog-buttons">
        <button type="button" class="button primary" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

/** A button that opens the dialog of an action. */
export function ActionButton({ proposal, label }: { proposal: Proposal; label: string }) {
  return (
    <button
      type="button"
      class="button small"
      onClick={() => {
        proposed.value = proposal;
      }}
    >
      {label}
    </button>
  );
}

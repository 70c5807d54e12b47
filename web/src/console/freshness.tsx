/** How old what is shown is, said in the head of every view. */
import { span } from "./format.ts";
import { ageS, paused, problem, stale } from "./live.ts";

export function Freshness() {
  const [kind, text] = stateNow();
  return (
    <span class={`freshness ${kind}`} title="When the server last answered">
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function stateNow(): ["live" | "late" | "idle", string] {
  const age = ageS.value;
  if (age === null) return ["idle", "asking"];
  if (paused.value) return ["idle", "paused"];
  if (stale.value || problem.value !== null) return ["late", `last answer ${span(age)} ago`];
  return ["live", "live"];
}

/** In the header: how old the shown data is, and when the operator's token expires. */
import { access } from "./access.ts";
import { span } from "./format.ts";
import { ageS, isPaused, isStale, problem, serverNow } from "./live.ts";

/** The operator is warned this long before the token expires. */
const TOKEN_WARNING_S = 600;

export function Freshness() {
  const [kind, text] = stateNow();
  return (
    <>
      <TokenEnd />
      <span class={`freshness ${kind}`} title="When the server last answered">
        <span class="dot" aria-hidden="true" />
        {text}
      </span>
    </>
  );
}

function stateNow(): ["live" | "late" | "idle", string] {
  const age = ageS.value;
  if (age === null) return ["idle", "loading"];
  if (isPaused.value) return ["idle", "paused"];
  if (isStale.value || problem.value !== null) return ["late", `updated ${span(age)} ago`];
  return ["live", "live"];
}

function TokenEnd() {
  const ends = access.value?.expiresAt ?? null;
  if (ends === null || ageS.value === null) return null;
  const left = ends - serverNow.value;
  if (left > TOKEN_WARNING_S) return null;
  return <span class="badge warn">your token expires in {span(left)}</span>;
}

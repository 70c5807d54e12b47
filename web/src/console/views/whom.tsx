/** Who a trouble affects, with links to its user and run, if any. */
import type { Trouble } from "../verdict.ts";
import { RunLink, UserLink } from "./ids.tsx";

export function Whom({ trouble: { run, whom } }: { trouble: Pick<Trouble, "run" | "whom"> }) {
  if (run === null) return <>{whom}</>;
  return (
    <>
      user <UserLink id={run.user} /> (<RunLink id={run.id} />)
    </>
  );
}

/** Whom a trouble hits, with the way to the run and the user where it is about one. */
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

/** Ids; those of users and runs are links. */
import { fragmentOf } from "../route.ts";

export function UserLink({ id }: { id: string }) {
  return (
    <a class="id" href={fragmentOf({ view: "users", id })}>
      {id}
    </a>
  );
}

export function RunLink({ id }: { id: string }) {
  return (
    <a class="id" href={fragmentOf({ view: "runs", id })}>
      {id}
    </a>
  );
}

export function Id({ id }: { id: string | null }) {
  return id === null ? <span class="soft">–</span> : <code class="id">{id}</code>;
}

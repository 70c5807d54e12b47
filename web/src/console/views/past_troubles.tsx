/** The past troubles of the last hour: when, what, and for whom. */
import { around, moment, span } from "../format.ts";
import type { Past } from "../history.ts";
import { serverNow } from "../live.ts";
import { Whom } from "./whom.tsx";

/** How many are shown; the others on demand. */
const FIRST = 4;

export function PastTroubles({ past }: { past: readonly Past[] }) {
  if (past.length === 0) return null;
  const more = past.slice(FIRST);
  return (
    <section class="past" aria-label="Resolved in the last hour">
      <h2>Resolved in the last hour</h2>
      <PastList past={past.slice(0, FIRST)} />
      {more.length > 0 && (
        <details>
          <summary>{`${more.length} more`}</summary>
          <PastList past={more} />
        </details>
      )}
    </section>
  );
}

function PastList({ past }: { past: readonly Past[] }) {
  return (
    <ul>
      {past.map((one) => (
        <li key={`${one.key} ${one.ended} ${one.whom}`}>
          <When past={one} />
          <span>
            {`${one.what} `}
            <span class="soft">
              For <Whom trouble={one} />.
            </span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function When({ past: { began, ended, isAbout } }: { past: Past }) {
  const today = serverNow.peek();
  const shown = isAbout ? around : moment;
  if (began === null) return <time>{`until ${shown(ended, today)}`}</time>;
  return (
    <time>
      {`${shown(began, today)} to ${moment(ended, today)}`}
      <span class="soft">{` ${span(ended - began)}`}</span>
    </time>
  );
}

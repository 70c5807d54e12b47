/** The figures that must be 0, and the health of database and bus. */
import { count, duration, moment, plural, span } from "../format.ts";
import { serverNow } from "../live.ts";
import type { Overview, PartHealth } from "../ops.ts";
import { Tile } from "./tile.tsx";

interface Props {
  readonly overview: Overview;
  /** Whether nothing is wrong: a trouble is larger than a figure that is well. */
  readonly isCalm: boolean;
}

export function SafetyTiles({ overview, isCalm }: Props) {
  const { safety, totals, versions } = overview;
  const { consistency } = safety;
  const since = moment(overview.since, overview.at);
  const moved = totals.take_overs;
  return (
    <dl class="tiles">
      <Tile
        isLarge
        isQuiet={!isCalm && safety.foreign_deliveries === 0}
        name="Foreign deliveries"
        kind={safety.foreign_deliveries === 0 ? "good" : "bad"}
        value={count(safety.foreign_deliveries)}
        hint={
          safety.foreign_deliveries === 0
            ? `No event has come near another user since ${since}.`
            : `The last ${last(safety.foreign_delivery_at, overview.at)}; stopped before the socket.`
        }
      />
      <Part name="Database" part={overview.database} version={versions.database} />
      {overview.bus === null ? (
        <Tile name="Bus" value="none" hint="One node needs none." />
      ) : (
        <Part name="Bus" part={overview.bus} version={versions.bus} />
      )}
      <Tile
        name="Id violations"
        kind={safety.id_violations === 0 ? "good" : "plain"}
        value={count(safety.id_violations)}
        hint={`in ${plural(safety.id_checks, "request")} examined`}
      />
      <Tile
        name="Consistency of ids"
        kind={consistency.score === null ? "plain" : consistency.score < 100 ? "bad" : "good"}
        value={consistency.score === null ? "off" : `${consistency.score} %`}
        hint={
          consistency.on
            ? `${plural(consistency.violations, "violation")} in ${plural(consistency.snapshots, "snapshot")}`
            : "Ids are not tracked."
        }
      />
      <Tile
        name="Take-overs"
        value={count(moved.requeued + moved.ended)}
        hint={
          moved.last_at === null
            ? "No run has lost its node."
            : `${count(moved.requeued)} continued, ${count(moved.ended)} ended; the last ${last(moved.last_at, overview.at)}`
        }
      />
      <Tile
        name="Version"
        value={versions.program}
        hint={[`Python ${versions.python}`, versions.schema && `schema ${versions.schema}`]
          .filter(Boolean)
          .join(", ")}
      />
    </dl>
  );
}

function last(at: number | null, today: number): string {
  return at === null ? "at an unknown time" : `at ${moment(at, today)}`;
}

function Part({ name, part, version }: { name: string; part: PartHealth; version: string | null }) {
  const for_ = `for ${span(serverNow.value - part.since)}`;
  return (
    <Tile
      name={name}
      kind={part.ok ? "good" : "bad"}
      value={part.ok ? answers(part.ping_ms) : "away"}
      hint={[version, part.ok ? `well ${for_}` : for_].filter(Boolean).join(", ")}
    />
  );
}

function answers(pingMs: number | null): string {
  return pingMs === null ? "well" : duration(pingMs / 1_000);
}

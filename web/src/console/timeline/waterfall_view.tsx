/** The waterfall: a row per step, on one time scale. */
import { useMemo } from "preact/hooks";
import { Icon, type IconName } from "../../design/icons.tsx";
import { duration } from "../format.ts";
import type { Extent } from "./replay.ts";
import { marked, marksOf, offset, placeOf, ticksOf } from "./scale.ts";
import type { Row, RowKind } from "./waterfall.ts";

const ICONS: Record<RowKind, IconName> = {
  queue: "clock",
  attempt: "play",
  lease: "refresh",
  thinking: "thought",
  tool: "tool",
  text: "document",
  input: "user",
};

/** Beyond this position, a mark has no room for a label. */
const LABEL_END_PERCENT = 94;

interface Props {
  readonly rows: readonly Row[];
  readonly extent: Extent;
  /** The position of the replay. */
  readonly position: number;
}

export function Waterfall({ rows, extent, position }: Props) {
  const playhead = { left: `${placeOf(position, extent)}%` };
  return (
    <div class="waterfall">
      <div class="waterfall-scale" aria-hidden="true">
        {marksOf(extent).map((mark) => (
          <span key={mark} style={{ left: `${placeOf(extent.from + mark, extent)}%` }}>
            {placeOf(extent.from + mark, extent) < LABEL_END_PERCENT && marked(mark)}
          </span>
        ))}
      </div>
      <ol>
        {rows.map((row) => (
          <WaterfallRow key={row.key} row={row} extent={extent} isAhead={row.from > position} />
        ))}
      </ol>
      <div class="waterfall-over" aria-hidden="true">
        <span class="playhead" style={playhead} />
      </div>
    </div>
  );
}

interface RowProps {
  readonly row: Row;
  readonly extent: Extent;
  /** Whether the replay has not reached it yet. */
  readonly isAhead: boolean;
}

function WaterfallRow({ row, extent, isAhead }: RowProps) {
  const to = row.to ?? extent.to;
  const ticks = useMemo(
    () =>
      ticksOf(row.ticks, extent).map((place) => <i key={place} style={{ left: `${place}%` }} />),
    [row.ticks, extent.from, extent.to],
  );
  const outcome = row.outcome === "void" ? "lost with its attempt" : row.outcome;
  const when = `from ${offset(row.from - extent.from)}, for ${duration(to - row.from)}, ${outcome}`;
  const said = row.kind === "lease" && row.detail !== "" ? `${row.detail}; ${when}` : when;
  return (
    <li class={`is-${row.kind} ${row.outcome} depth-${row.depth}${isAhead ? " ahead" : ""}`}>
      <span class="row-name" title={row.detail}>
        <Icon name={ICONS[row.kind]} />
        <span class="row-label truncate">{row.label}</span>
        <span class="row-time">{duration(to - row.from)}</span>
        <span class="sr-only">{said}</span>
      </span>
      <span class="row-track" aria-hidden="true">
        <span
          class="row-bar"
          style={stretch(row.from, row.silentFrom ?? to, extent)}
          title={said}
        />
        {row.silentFrom !== null && (
          <span
            class="row-bar silent"
            style={stretch(row.silentFrom, to, extent)}
            title="silent until its lease expired and it was taken over"
          />
        )}
        {ticks}
      </span>
    </li>
  );
}

function stretch(from: number, to: number, extent: Extent) {
  const left = placeOf(from, extent);
  return { left: `${left}%`, width: `${placeOf(to, extent) - left}%` };
}

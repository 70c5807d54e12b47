/** A chart with its current values; or the same data as a table. */
import { signal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { isDark } from "../colours.ts";
import { count, moment } from "../format.ts";
import { serverNow } from "../live.ts";
import { Scrolled } from "../scrolled.tsx";
import { type Curves, columnOf, slicesOf } from "../series.ts";
import { Drawing } from "./drawing.ts";
import type { Plot } from "./plots.ts";

const SLICE_S = 300;

/** The row under the pointer, shared by all charts. */
const pointed = signal<number | null>(null);

interface Props {
  readonly plot: Plot;
  readonly curves: Curves;
  readonly windowS: number;
  readonly isTable: boolean;
}

export function Chart({ plot, curves, windowS, isTable }: Props) {
  const heading = useId();
  return (
    <section class="panel chart" aria-labelledby={heading}>
      <h3 id={heading}>{plot.title}</h3>
      <Figures plot={plot} curves={curves} />
      {isTable ? (
        <Slices plot={plot} curves={curves} windowS={windowS} />
      ) : (
        <Curve plot={plot} curves={curves} windowS={windowS} />
      )}
    </section>
  );
}

/** The current values, or those under the pointer. */
function Figures({ plot, curves }: { plot: Plot; curves: Curves }) {
  const row = pointed.value ?? curves.at.length - 1;
  const at = curves.at[row];
  return (
    <div class="figures">
      {plot.lines.map((line) => (
        <span key={line.column} class="figure">
          <span class={`swatch tone-${line.tone}`} aria-hidden="true" />
          <b>{plot.read(columnOf(curves, line.column)[row] ?? null)}</b>
          {line.label}
        </span>
      ))}
      {pointed.value !== null && at !== undefined && (
        <span class="figure at">{moment(at, serverNow.peek())}</span>
      )}
    </div>
  );
}

function Curve({ plot, curves, windowS }: Omit<Props, "isTable">) {
  const place = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing | null>(null);
  const dark = isDark.value;
  useEffect(() => {
    if (place.current === null) return;
    drawing.current = new Drawing(place.current, plot, (row) => {
      pointed.value = row;
    });
    return () => drawing.current?.end();
  }, [plot, dark]);
  useEffect(() => drawing.current?.show(curves, windowS), [curves, windowS, plot, dark]);
  return <div class="curve" role="img" aria-label={said(plot, curves)} ref={place} />;
}

/** The chart's text alternative. */
function said(plot: Plot, curves: Curves): string {
  const parts = plot.lines.map((line) => {
    const values = columnOf(curves, line.column).filter((one) => one !== null);
    const highest = values.length === 0 ? null : Math.max(...values);
    return `${line.label} now ${plot.read(values.at(-1) ?? null)}, at most ${plot.read(highest)}`;
  });
  return `${plot.title}: ${plot.meaning}. ${parts.join("; ")}.`;
}

function Slices({ plot, curves, windowS }: Omit<Props, "isTable">) {
  const slices = plot.lines.map((line) => slicesOf(curves, line.column, SLICE_S));
  const first = slices[0]?.slice(0, Math.ceil(windowS / SLICE_S)) ?? [];
  return (
    <Scrolled label={`${plot.title}, as a table`}>
      <table class="table compact">
        <caption class="hint">mean / highest of {count(SLICE_S / 60)} minutes</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            {plot.lines.map((line) => (
              <th key={line.column} scope="col" class="number">
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first.map((slice, index) => (
            <tr key={slice.from}>
              <th scope="row">{moment(slice.from, serverNow.peek()).slice(0, -3)}</th>
              {plot.lines.map((line, column) => (
                <td key={line.column} class="number">
                  {plot.read(slices[column]?.[index]?.mean ?? null)} /{" "}
                  {plot.read(slices[column]?.[index]?.highest ?? null)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

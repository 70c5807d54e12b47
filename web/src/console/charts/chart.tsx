/** A chart with its present values in large, and the same as a table for who wants figures. */
import { signal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { isDark } from "../colours.ts";
import { count, moment } from "../format.ts";
import { serverNow } from "../live.ts";
import type { Series } from "../ops.ts";
import { Scrolled } from "../scrolled.tsx";
import { columnOf, slicesOf } from "../series.ts";
import { Drawing } from "./drawing.ts";
import type { Plot } from "./plots.ts";

const SLICE_S = 300;

/** Which row the pointer is at, in all charts. */
const pointed = signal<number | null>(null);

interface Props {
  readonly plot: Plot;
  readonly series: Series;
  readonly windowS: number;
  readonly asTable: boolean;
  /** Whether it is of one node where there are others. */
  readonly isPart: boolean;
}

export function Chart({ plot, series, windowS, asTable, isPart }: Props) {
  const heading = useId();
  return (
    <section class="panel chart" aria-labelledby={heading}>
      <h3 id={heading}>
        {plot.title} {isPart && <span class="hint">on one node</span>}
      </h3>
      <Figures plot={plot} series={series} />
      {asTable ? (
        <Slices plot={plot} series={series} windowS={windowS} />
      ) : (
        <Curve plot={plot} series={series} windowS={windowS} />
      )}
    </section>
  );
}

/** The values now, or where the pointer is. */
function Figures({ plot, series }: { plot: Plot; series: Series }) {
  const row = pointed.value ?? series.at.length - 1;
  const at = series.at[row];
  return (
    <div class="figures">
      {plot.lines.map((line) => (
        <span key={line.column} class="figure">
          <b>{plot.read(columnOf(series, line.column)[row] ?? null)}</b>
          <span class={`swatch tone-${line.tone}`} aria-hidden="true" />
          {line.label}
        </span>
      ))}
      {pointed.value !== null && at !== undefined && (
        <span class="figure at">{moment(at, serverNow.peek())}</span>
      )}
    </div>
  );
}

function Curve({ plot, series, windowS }: Omit<Props, "asTable" | "isPart">) {
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
  useEffect(() => drawing.current?.show(series, windowS), [series, windowS, plot, dark]);
  return <div class="curve" role="img" aria-label={said(plot, series)} ref={place} />;
}

/** A curve in words. */
function said(plot: Plot, series: Series): string {
  const parts = plot.lines.map((line) => {
    const values = columnOf(series, line.column).filter((one) => one !== null);
    const highest = values.length === 0 ? null : Math.max(...values);
    return `${line.label} now ${plot.read(values.at(-1) ?? null)}, at most ${plot.read(highest)}`;
  });
  return `${plot.title}: ${plot.meaning}. ${parts.join("; ")}.`;
}

function Slices({ plot, series, windowS }: Omit<Props, "asTable" | "isPart">) {
  const slices = plot.lines.map((line) => slicesOf(series, line.column, SLICE_S));
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

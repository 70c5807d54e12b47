/** One uPlot chart. Its colours come from the style sheet. */
import "./language.ts"; // has to run before uPlot
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Curves, columnOf } from "../series.ts";
import type { Plot } from "./plots.ts";

const HEIGHT_PX = 128;
const AXIS_PX = 54;
/** The shortest span that a chart shows. */
const YOUNG_S = 120;
/** The intervals of marks, in whole minutes, as their labels are. */
const MARKS_S = [60, 120, 300, 600, 900, 1_800, 3_600];
const GROUP = "console";

/** The resolved colours and font of one chart. */
interface Colours {
  readonly lines: readonly string[];
  readonly text: string;
  readonly grid: string;
  readonly font: string;
}

export class Drawing {
  readonly #plot: Plot;
  readonly #place: HTMLElement;
  readonly #chart: uPlot;
  readonly #sizes: ResizeObserver;

  /** @param onCursor called with the row under the pointer, in any chart of the group */
  constructor(place: HTMLElement, plot: Plot, onCursor: (row: number | null) => void) {
    this.#plot = plot;
    this.#place = place;
    this.#chart = new uPlot(options(place, plot, onCursor), [[]], place);
    this.#sizes = new ResizeObserver(() => this.#fit());
    this.#sizes.observe(place);
  }

  /** Show the last `windowS` seconds; the whole of a shorter history. */
  show(curves: Curves, windowS: number): void {
    const { at } = curves;
    const last = at.at(-1) ?? 0;
    const from = Math.max(last - windowS, Math.min(at[0] ?? last, last - YOUNG_S));
    const columns = this.#plot.lines.map((line) => columnOf(curves, line.column));
    this.#chart.batch(() => {
      this.#chart.setData([[...at], ...columns.map((one) => [...one])], false);
      this.#chart.setScale("x", { min: from, max: last });
    });
  }

  end(): void {
    this.#sizes.disconnect();
    this.#chart.destroy();
  }

  #fit(): void {
    this.#chart.setSize({ width: this.#place.clientWidth, height: HEIGHT_PX });
  }
}

function options(
  place: HTMLElement,
  plot: Plot,
  onCursor: (row: number | null) => void,
): uPlot.Options {
  const colours = coloursIn(place, plot);
  const axis = {
    stroke: colours.text,
    font: colours.font,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    width: place.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: GROUP }, drag: { x: false, y: false }, points: { size: 7 } },
    hooks: { setCursor: [(chart) => onCursor(chart.cursor.idx ?? null)] },
    scales: { x: { auto: false }, y: { range: (_chart, _low, high) => [0, ceiling(high)] } },
    axes: [
      {
        ...axis,
        space: 64,
        size: 26,
        incrs: MARKS_S,
        values: (_chart, times) => times.map(timeOfDay),
      },
      { ...axis, space: 34, size: AXIS_PX, values: (_chart, values) => values.map(plot.read) },
    ],
    series: [
      {},
      ...plot.lines.map((line, index) => ({
        label: line.label,
        stroke: colours.lines[index] ?? colours.text,
        width: 1.6,
        points: { show: false, size: 4, filter: isolated },
      })),
    ],
  };
}

/** A value between two gaps makes no line, so it is drawn as a point. */
function isolated(chart: uPlot, series: number): number[] | null {
  const values = chart.data[series] ?? [];
  const isThere = (index: number) => values[index] !== null && values[index] !== undefined;
  const alone = [...values.keys()].filter(
    (index) => isThere(index) && !isThere(index - 1) && !isThere(index + 1),
  );
  return alone.length === 0 ? null : alone;
}

/** The top of the scale: a little above the highest value, and never 0. */
function ceiling(highest: number | null): number {
  return highest === null || highest <= 0 ? 1 : highest * 1.12;
}

function timeOfDay(at: number): string {
  return new Date(at * 1_000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/**
 * Resolves colours for the canvas with a probe element per class: one that changed its class could be
 * in a transition.
 */
function coloursIn(place: HTMLElement, plot: Plot): Colours {
  const colour = (name: string) => {
    const probe = document.createElement("span");
    probe.className = name;
    place.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  return {
    lines: plot.lines.map((line) => colour(`tone-${line.tone}`)),
    text: colour("chart-text"),
    grid: colour("chart-grid"),
    font: `11px ${getComputedStyle(place).fontFamily}`,
  };
}

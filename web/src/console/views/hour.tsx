/** The last hour, or its last minutes, as small charts that share one pointer. */
import { signal } from "@preact/signals";
import { Chart } from "../charts/chart.tsx";
import { PLOTS } from "../charts/plots.ts";
import { moment } from "../format.ts";
import { serverNow } from "../live.ts";
import type { Series } from "../ops.ts";

const WINDOWS: readonly [number, string][] = [
  [600, "10 min"],
  [3_600, "1 h"],
];

const windowS = signal(3_600);
const asTables = signal(false);

/** Figures beside charts are of a step that has ended; those in tiles are of now. */
function lastStep({ at }: Series): string {
  const ended = at.at(-1);
  return ended === undefined ? "" : `, the last until ${moment(ended, serverNow.peek())}`;
}

export function Hour({ series, isCluster }: { series: Series; isCluster: boolean }) {
  return (
    <section aria-label="The last hour">
      <div class="bar">
        <h2>The last hour</h2>
        <span class="hint">
          {`Steps of ${series.step_s} s${lastStep(series)}.`}
          {isCluster && ` Times and sizes are of ${series.node_id}.`}
        </span>
        <fieldset class="choice">
          <legend class="unseen">Span of the charts</legend>
          {WINDOWS.map(([seconds, label]) => (
            <button
              key={seconds}
              type="button"
              aria-pressed={windowS.value === seconds}
              onClick={() => {
                windowS.value = seconds;
              }}
            >
              {label}
            </button>
          ))}
        </fieldset>
        <button
          type="button"
          class="button small quiet"
          aria-pressed={asTables.value}
          onClick={() => {
            asTables.value = !asTables.value;
          }}
        >
          {asTables.value ? "Show charts" : "Show tables"}
        </button>
      </div>
      <div class="charts">
        {PLOTS.map((plot) => (
          <Chart
            key={plot.title}
            plot={plot}
            series={series}
            windowS={windowS.value}
            asTable={asTables.value}
            isPart={isCluster && plot.ofOneNode}
          />
        ))}
      </div>
    </section>
  );
}

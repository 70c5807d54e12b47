/** The last hour, or its last minutes, of all nodes or of one: charts that share one pointer. */
import { signal } from "@preact/signals";
import { Chart } from "../charts/chart.tsx";
import { plotsOf } from "../charts/plots.ts";
import { moment } from "../format.ts";
import { serverNow, shownNode, wantedNode } from "../live.ts";
import type { NodeOverview, Series } from "../ops.ts";
import { curvesOf } from "../series.ts";

const WINDOWS: readonly [number, string][] = [
  [600, "10 min"],
  [3_600, "1 h"],
];

const windowS = signal(3_600);
const isTable = signal(false);

/** The end of the last step: charts lag behind the tiles, which are live. */
function lastStep({ at }: Series): string {
  const ended = at.at(-1);
  return ended === undefined ? "" : `, the last until ${moment(ended, serverNow.peek())}`;
}

interface Props {
  readonly series: Series;
  readonly nodes: readonly NodeOverview[];
}

export function Hour({ series, nodes }: Props) {
  const isOfAll = shownNode.value === null;
  const curves = curvesOf(series, isOfAll);
  return (
    <section aria-label="The last hour">
      <div class="bar">
        <h2>The last hour</h2>
        <span class="hint">{`Steps of ${series.step_s} s${lastStep(series)}.`}</span>
        {(nodes.length > 1 || !isOfAll) && <NodeChoice nodes={nodes} />}
        <fieldset class="choice">
          <legend class="sr-only">Span of the charts</legend>
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
          aria-pressed={isTable.value}
          onClick={() => {
            isTable.value = !isTable.value;
          }}
        >
          {isTable.value ? "Show charts" : "Show tables"}
        </button>
      </div>
      <div class="charts">
        {plotsOf(isOfAll).map((plot) => (
          <Chart
            key={plot.title}
            plot={plot}
            curves={curves}
            windowS={windowS.value}
            isTable={isTable.value}
          />
        ))}
      </div>
    </section>
  );
}

/** The known nodes, and the chosen one even if it is gone. */
function NodeChoice({ nodes }: { nodes: readonly NodeOverview[] }) {
  const wanted = wantedNode.value;
  const ids = nodes.map((node) => node.node_id);
  if (wanted !== null && !ids.includes(wanted)) ids.push(wanted);
  return (
    <select
      class="input node-choice"
      aria-label="Node of the charts"
      value={wanted ?? ""}
      onChange={(event) => {
        wantedNode.value = event.currentTarget.value || null;
      }}
    >
      <option value="">All nodes</option>
      {ids.map((id) => (
        <option key={id} value={id}>
          {id}
        </option>
      ))}
    </select>
  );
}

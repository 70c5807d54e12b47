/** Is anything wrong, for whom, since when: the first look. */
import { overview, problem, series, stale } from "../live.ts";
import type { Overview } from "../ops.ts";
import { Hour } from "./hour.tsx";
import { NodesPanel, RefusalsPanel, RunsPanel, ToldPanel } from "./overview_tables.tsx";
import { NoAnswer } from "./panel.tsx";
import { SafetyTiles } from "./safety_tiles.tsx";
import { VerdictBanner } from "./verdict_banner.tsx";

export function OverviewView() {
  const now = overview.value;
  if (now === null) return <NoAnswer problem={problem.value} sought="server" />;
  return (
    <div class={stale.value ? "view old" : "view"}>
      <VerdictBanner overview={now} />
      <SafetyTiles overview={now} />
      {series.value !== null && <Hour series={series.value} isCluster={now.nodes.length > 1} />}
      <Tables overview={now} />
    </div>
  );
}

function Tables({ overview: now }: { overview: Overview }) {
  return (
    <div class="tables">
      <NodesPanel overview={now} />
      <RunsPanel overview={now} />
      <RefusalsPanel overview={now} />
      <ToldPanel overview={now} />
    </div>
  );
}

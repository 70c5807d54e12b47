/** The overview: is anything wrong, for whom, since when? */
import { isStale, overview, problem, series } from "../live.ts";
import type { Overview } from "../ops.ts";
import { verdictOf } from "../verdict.ts";
import { Hour } from "./hour.tsx";
import {
  FailuresPanel,
  LaggingPanel,
  NodesPanel,
  RefusalsPanel,
  RunsPanel,
  ToldPanel,
} from "./overview_tables.tsx";
import { NoAnswer } from "./panel.tsx";
import { SafetyTiles } from "./safety_tiles.tsx";
import { VerdictBanner } from "./verdict_banner.tsx";

export function OverviewView() {
  const now = overview.value;
  if (now === null) return <NoAnswer problem={problem.value} sought="server" />;
  return (
    <div class={isStale.value ? "view old" : "view"}>
      <VerdictBanner overview={now} />
      <SafetyTiles overview={now} isCalm={!isStale.value && verdictOf(now).severity === "well"} />
      {series.value !== null && <Hour series={series.value} nodes={now.nodes} />}
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
      <FailuresPanel overview={now} />
      <LaggingPanel overview={now} />
      <ToldPanel overview={now} />
    </div>
  );
}

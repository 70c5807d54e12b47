/** The columns of a node in a table. */
import { count, duration, span } from "../format.ts";
import type { NodeOverview, PartHealth } from "../ops.ts";
import type { Column } from "../table.tsx";
import { Id } from "./ids.tsx";

/** A node's state: the kind of its badge, and the word. */
export function stateOf({
  alive,
  known,
  summary,
}: NodeOverview): readonly [kind: string, word: string] {
  if (!known) return ["", "not known"];
  if (!alive) return ["danger", "lost"];
  if (summary === null) return ["", "silent"];
  if (!summary.database.ok) return ["danger", "no database"];
  if (summary.drained) return ["warn", "drained"];
  if (summary.draining) return ["warn", "draining"];
  return summary.bus?.ok === false ? ["warn", "no bus"] : ["good", "well"];
}

function State({ node }: { node: NodeOverview }) {
  const [kind, word] = stateOf(node);
  return <span class={`badge ${kind}`}>{word}</span>;
}

export function ping(part: PartHealth | null): string {
  if (part === null) return "–";
  return part.ok ? duration(part.ping_ms === null ? null : part.ping_ms / 1_000) : "away";
}

export const NODE_COLUMNS: readonly Column<NodeOverview>[] = [
  { title: "Node", cell: (node) => <Id id={node.node_id} /> },
  { title: "State", cell: (node) => <State node={node} /> },
  { title: "Role", cell: (node) => node.role },
  { title: "Up for", isNumber: true, cell: (node) => span(node.age_s) },
  { title: "Connections", isNumber: true, cell: ({ summary }) => count(summary?.connections) },
  { title: "Users", isNumber: true, cell: ({ summary }) => count(summary?.users) },
  { title: "Runs", isNumber: true, cell: ({ summary }) => count(summary?.runs) },
];

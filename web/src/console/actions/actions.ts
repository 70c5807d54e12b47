/** The actions of an operator, each with the words that explain its effects. Knows no view. */
import { signal } from "@preact/signals";
import type {
  Action,
  CancelRunBody,
  DisconnectBody,
  DrainNodeBody,
  NodeOverview,
  SignOutBody,
} from "../ops.ts";

/** An action that waits for confirmation. */
export interface Proposal {
  readonly action: Action["action"];
  readonly title: string;
  /** Its effects, one sentence each. */
  readonly happens: readonly string[];
  /** The button's label. */
  readonly verb: string;
  /** The id to type for confirmation. */
  readonly target: string;
  /** What kind of thing the target is. */
  readonly kind: "user" | "connection" | "run" | "node";
  readonly body: Omit<
    DisconnectBody | SignOutBody | CancelRunBody | DrainNodeBody,
    "confirm" | "reason"
  >;
}

/** The action that the dialog shows; null for none. */
export const proposed = signal<Proposal | null>(null);

export function disconnect(user: string, connectionId: string | null): Proposal {
  const isOne = connectionId !== null;
  return {
    action: "disconnect",
    title: isOne ? "Disconnect this device?" : "Disconnect all devices?",
    happens: [
      isOne
        ? `The connection of ${user} is closed, whichever node it is on.`
        : `All connections of ${user} are closed, on every node.`,
      "Clients do not reconnect by themselves. The token stays valid: reloading the page reconnects.",
      "Nothing is lost: what happens meanwhile is in the journal.",
    ],
    verb: "Disconnect",
    target: connectionId ?? user,
    kind: isOne ? "connection" : "user",
    body: isOne ? { user, connection_id: connectionId } : { user },
  };
}

export function signOutEverywhere(user: string): Proposal {
  return {
    action: "sign_out",
    title: "Sign out everywhere?",
    happens: [
      `All tokens issued to ${user} until now become void, and their connections are closed.`,
      "They have to sign in again on each device.",
      "Their runs continue, except those that end when their user disconnects.",
    ],
    verb: "Sign out",
    target: user,
    kind: "user",
    body: { user },
  };
}

export function cancelRun(runId: string, user: string): Proposal {
  return {
    action: "cancel_run",
    title: "Cancel this run?",
    happens: [
      `The run of ${user} ends as cancelled, even if it is waiting or on another node.`,
      "What it has streamed stays in the thread. This cannot be undone.",
    ],
    verb: "Cancel the run",
    target: runId,
    kind: "run",
    body: { run_id: runId },
  };
}

/** @param others how many other nodes take new work */
export function drainNode(node: NodeOverview, others: number): Proposal {
  const { connections = 0, runs = 0 } = node.summary ?? {};
  const isLast = others === 0;
  return {
    action: "drain_node",
    title: "Drain this node?",
    happens: [
      ...(isLast ? [LAST_NODE] : []),
      isLast
        ? `Its connections (${connections} now) are closed, and there is no other node for them.`
        : `Its connections (${connections} now) are closed, and clients reconnect to other nodes.`,
      `Its runs (${runs} now) are handed over${isLast ? ", and wait for another node" : ""}.`,
      "It takes no new work until it is restarted.",
    ],
    verb: "Drain",
    target: node.node_id,
    kind: "node",
    body: { node_id: node.node_id },
  };
}

const LAST_NODE = "This is the last node that takes new work: every message will be refused.";

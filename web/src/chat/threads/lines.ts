/**
 * The threads as the list shows them, the one with the latest message or answer first.
 *
 * While text streams, the state changes with every frame, and the list does not: lines that are as
 * they were are the same objects, and so is the whole list, so that nothing is drawn again.
 */
import type { ThreadView } from "@threadcast/client";

const NEW_TITLE = "New conversation";

export interface Line {
  readonly id: string;
  readonly title: string;
  readonly preview: string;
  readonly order: number;
  /** Seconds since the epoch. */
  readonly updatedAt: number;
  readonly isRunning: boolean;
  readonly isArchived: boolean;
}

export function titleOf({ title, preview }: Pick<ThreadView, "title" | "preview">): string {
  return title || (preview ?? "").trim().split("\n", 1)[0] || NEW_TITLE;
}

export function isArchived({ metadata }: Pick<ThreadView, "metadata">): boolean {
  return metadata.archived === true;
}

export class Lines {
  #known = new Map<string, { view: ThreadView; line: Line }>();
  #ordered: readonly Line[] = [];

  /** The lines of these threads; the same array as before if none of them changed. */
  of(threads: Readonly<Record<string, ThreadView>>): readonly Line[] {
    const known = this.#known;
    const next = new Map<string, { view: ThreadView; line: Line }>();
    let isSame = true;
    for (const id in threads) {
      const view = threads[id];
      if (view === undefined) continue;
      const before = known.get(id);
      if (before?.view === view) {
        next.set(id, before);
        continue;
      }
      const line = lineOf(view, before?.line);
      isSame &&= line === before?.line;
      next.set(id, { view, line });
    }
    this.#known = next;
    if (isSame && next.size === this.#ordered.length) return this.#ordered;
    this.#ordered = Array.from(next.values(), ({ line }) => line).sort((a, b) => b.order - a.order);
    return this.#ordered;
  }
}

function lineOf(view: ThreadView, before: Line | undefined): Line {
  const line: Line = {
    id: view.id,
    title: titleOf(view),
    preview: view.preview ?? "",
    order: view.order,
    updatedAt: view.updatedAt,
    isRunning: hasAny(view.active),
    isArchived: isArchived(view),
  };
  const keys = Object.keys(line) as (keyof Line)[];
  return before !== undefined && keys.every((key) => before[key] === line[key]) ? before : line;
}

function hasAny(record: Readonly<Record<string, true>>): boolean {
  for (const _ in record) return true;
  return false;
}

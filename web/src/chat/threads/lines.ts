/**
 * The threads as the list shows them, most recently active first.
 *
 * While text streams, the state changes in every frame but the list does not: equal lines, and an
 * equal list, stay the same objects, so that nothing renders again.
 */
import type { ChatState, ThreadView } from "@threadcast/client";
import { isRunning, titleOf as knownTitle } from "@threadcast/client/chat";

const NEW_TITLE = "New conversation";

export interface Line {
  readonly id: string;
  readonly title: string;
  readonly preview: string;
  readonly order: number;
  /** Seconds since the epoch. */
  readonly updatedAt: number;
  readonly isRunning: boolean;
  /** Whether a run waits for the person's input. */
  readonly isWaiting: boolean;
  readonly isArchived: boolean;
}

/** The title to show. */
export function titleOf(view: Pick<ThreadView, "title" | "preview">): string {
  return knownTitle(view) || NEW_TITLE;
}

export class Lines {
  readonly #known = new WeakMap<ThreadView, Line>();
  #lines: readonly Line[] = [];

  /** The lines of a state; the same array as before if none has changed. */
  of({ threads, recent }: Pick<ChatState, "threads" | "recent">): readonly Line[] {
    const before = this.#lines;
    let isSame = recent.length === before.length;
    const lines: Line[] = [];
    for (const [index, id] of recent.entries()) {
      const view = threads.get(id);
      if (view === undefined) continue;
      const line = this.#lineOf(view, before[index]);
      isSame &&= line === before[index];
      lines.push(line);
    }
    if (!isSame) this.#lines = lines;
    return this.#lines;
  }

  #lineOf(view: ThreadView, before: Line | undefined): Line {
    let line = this.#known.get(view);
    if (line === undefined) {
      line = sameOr(lineOf(view), before);
      this.#known.set(view, line);
    }
    return line;
  }
}

/** The line of one thread. */
export function lineOf(view: ThreadView): Line {
  return {
    id: view.id,
    title: titleOf(view),
    preview: view.preview ?? "",
    order: view.order,
    updatedAt: view.updatedAt,
    isRunning: isRunning(view),
    isWaiting: Object.values(view.active).includes("waiting"),
    isArchived: view.metadata.archived === true,
  };
}

function sameOr(line: Line, before: Line | undefined): Line {
  const keys = Object.keys(line) as (keyof Line)[];
  return before !== undefined && keys.every((key) => before[key] === line[key]) ? before : line;
}

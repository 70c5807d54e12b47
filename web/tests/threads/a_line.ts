/** A line of the list, for tests. */
import type { Line } from "../../src/chat/threads/lines.ts";

/** A line with what most tests do not care about. */
export function line(id: string, fields: Partial<Line> = {}): Line {
  const blank = { title: id, preview: "", order: 1, isRunning: false, isWaiting: false };
  return { ...blank, isArchived: false, id, updatedAt: 1, ...fields };
}

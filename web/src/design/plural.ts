/** Formats counts of things. Pure. */

/** `1 run`, `2 runs`, `1,204 runs`. */
export function plural(count: number, one: string, more = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
}

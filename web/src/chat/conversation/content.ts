/** The limits of a message, which are the server's. Pure. */
import { plural } from "../../design/plural.ts";

const CONTENT_MAX_CHARACTERS = 65_536;
/** From this length on, the rest is shown. */
const WARNED_CHARACTERS = 60_000;

/** The length in code points, as the server counts it. */
function charactersOf(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Why a text cannot be sent; null if it can, or if it is just empty. */
export function contentProblem(text: string): string | null {
  if (text.length <= CONTENT_MAX_CHARACTERS) return null;
  const length = charactersOf(text);
  if (length <= CONTENT_MAX_CHARACTERS) return null;
  const most = plural(CONTENT_MAX_CHARACTERS, "character");
  const over = (length - CONTENT_MAX_CHARACTERS).toLocaleString("en");
  return `A message has at most ${most}; this one has ${over} too many.`;
}

/** How many characters are left, near the limit; else null. */
export function charactersLeft(text: string): number | null {
  if (text.length < WARNED_CHARACTERS) return null;
  const left = CONTENT_MAX_CHARACTERS - charactersOf(text);
  return left < 0 ? null : left;
}

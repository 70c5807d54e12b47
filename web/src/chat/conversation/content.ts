/** The bounds of a message, as the server has them. Pure. */

const CONTENT_MAX_CHARACTERS = 65_536;
/** From here on one is told how much is left. */
const WARNED_CHARACTERS = 60_000;

/** Characters as the server counts them: a pair of surrogates is one. */
function charactersOf(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Why this cannot be sent, or null. An empty message is no problem that one must be told of. */
export function contentProblem(text: string): string | null {
  if (text.length <= CONTENT_MAX_CHARACTERS) return null;
  const length = charactersOf(text);
  if (length <= CONTENT_MAX_CHARACTERS) return null;
  const over = (length - CONTENT_MAX_CHARACTERS).toLocaleString();
  const most = CONTENT_MAX_CHARACTERS.toLocaleString();
  return `A message has at most ${most} characters; this one has ${over} too many.`;
}

/** How many characters are left, once it is worth saying; else null. */
export function charactersLeft(text: string): number | null {
  if (text.length < WARNED_CHARACTERS) return null;
  const left = CONTENT_MAX_CHARACTERS - charactersOf(text);
  return left < 0 ? null : left;
}

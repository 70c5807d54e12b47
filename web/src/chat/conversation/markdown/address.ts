/** Which URLs Markdown may link to. */

const PROTOCOLS: ReadonlySet<string> = new Set(["http:", "https:", "mailto:"]);
const ADDRESS_MAX_CHARACTERS = 4_000;

/** The URL if it may be linked to, else null. Relative ones would lead into this page. */
export function safeAddress(text: string): string | null {
  if (text.length > ADDRESS_MAX_CHARACTERS || !URL.canParse(text)) return null;
  const url = new URL(text);
  return PROTOCOLS.has(url.protocol) ? url.href : null;
}

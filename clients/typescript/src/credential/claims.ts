/** The claims of a token, unverified: only the server can tell whether they are true. */

export type Claims = Readonly<Record<string, unknown>>;

/** The claims of a JWT; empty if it cannot be decoded. */
export function claimsOf(token: string): Claims {
  try {
    const [, body = ""] = token.split(".");
    const text = atob(body.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
}

/** The subject of a token; null if it has none. */
export function subjectOf(token: string): string | null {
  const { sub } = claimsOf(token);
  return typeof sub === "string" ? sub : null;
}

/** What a token says of itself. Who reads it has to have it checked by the server. */

export type Claims = Readonly<Record<string, unknown>>;

/** The claims of a JWT; none where it cannot be read. */
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

/** Whom a token is for; null where it does not say so. */
export function subjectOf(token: string): string | null {
  const { sub } = claimsOf(token);
  return typeof sub === "string" ? sub : null;
}

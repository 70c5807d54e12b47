/**
 * A random name, unique among a user's messages and drafts. Not `crypto.randomUUID()`, which only
 * secure contexts have.
 */
export const randomKey = (): string =>
  `web_${crypto.getRandomValues(new Uint32Array(4)).join("_")}`;

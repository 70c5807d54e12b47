/** The server's URL: `src`, or the folder of the element's own script. */

/** Why a URL cannot be used; the message is for the embedding page's authors. */
export class BadAddress extends Error {}

/**
 * The URL that the server is mounted at, with a slash at its end.
 *
 * @param src the attribute; null or empty for the folder of the script
 * @param page the URL that resolves a relative `src`
 * @param script the URL of the element's script
 * @throws BadAddress
 */
export function serverAddress(src: string | null, page: string, script: string): URL {
  const url = parsed(src?.trim() || ".", src?.trim() ? page : script);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    const came = url === null ? "none" : `one with ${url.protocol}`;
    throw new BadAddress(`src: expected an address with http: or https:, got ${came}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new BadAddress("src: expected an address without a name and a password in it");
  }
  url.search = "";
  url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

function parsed(text: string, base: string): URL | null {
  return URL.canParse(text, base) ? new URL(text, base) : null;
}

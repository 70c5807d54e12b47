/** What the server says about itself in the document, and where it is. */

export interface OidcFacts {
  readonly issuer: string;
  readonly client_id: string;
  readonly scope: string;
}

export interface PageFacts {
  /** A development server: any name is a user. */
  readonly dev: boolean;
  readonly oidc: OidcFacts | null;
  /** Whether there is an operator's console. */
  readonly console: boolean;
  /** Origins of pages that may show this one in a frame and hand it a token. */
  readonly embedding: readonly string[];
  /** The URL that the server is mounted at, with a slash at its end. */
  readonly base: URL;
}

export function readPageFacts(): PageFacts {
  const place = document.querySelector<HTMLMetaElement>('meta[name="threadcast-page"]');
  const said = JSON.parse(place?.content || "{}") as Partial<PageFacts>;
  return {
    dev: said.dev ?? false,
    oidc: said.oidc ?? null,
    console: said.console ?? false,
    embedding: said.embedding ?? [],
    base: new URL(".", location.href.split(/[?#]/, 1)[0]),
  };
}

/** The server's facts about itself, from a meta element of the document. */

export interface OidcFacts {
  readonly issuer: string;
  readonly client_id: string;
  readonly scope: string;
}

export interface PageFacts {
  /** Whether it is a development server, where anybody signs in by any name. */
  readonly dev: boolean;
  /** Whether the demonstration agent answers, so that something can be suggested to ask it. */
  readonly demo: boolean;
  readonly oidc: OidcFacts | null;
  /** Whether the operator's console is on. */
  readonly console: boolean;
  /** Origins of pages that may show this one in a frame and give it a token. */
  readonly embedding: readonly string[];
  /** The URL that the server is mounted at, with a slash at its end. */
  readonly base: URL;
}

export function readPageFacts(): PageFacts {
  const place = document.querySelector<HTMLMetaElement>('meta[name="threadcast-page"]');
  const said = JSON.parse(place?.content || "{}") as Partial<PageFacts>;
  return {
    dev: said.dev ?? false,
    demo: said.demo ?? false,
    oidc: said.oidc ?? null,
    console: said.console ?? false,
    embedding: said.embedding ?? [],
    base: new URL(".", location.href.split(/[?#]/, 1)[0]),
  };
}

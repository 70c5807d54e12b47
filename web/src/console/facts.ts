/** The server's facts about itself, from a meta element of the document. */

/** Whether it is a development server, which mints tokens for names. */
export function isDevelopment(): boolean {
  const content = document.querySelector<HTMLMetaElement>("meta[name=threadcast-page]")?.content;
  const facts: unknown = JSON.parse(content ?? "{}");
  return typeof facts === "object" && facts !== null && "dev" in facts && facts.dev === true;
}

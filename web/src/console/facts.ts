/** What the server wrote into the document about itself. */

/** Whether it is for development, and makes tokens for names. */
export function isDevelopment(): boolean {
  const content = document.querySelector<HTMLMetaElement>("meta[name=threadcast-page]")?.content;
  const facts: unknown = JSON.parse(content ?? "{}");
  return typeof facts === "object" && facts !== null && "dev" in facts && facts.dev === true;
}

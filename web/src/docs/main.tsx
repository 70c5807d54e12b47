/** The API reference's entry point: renders the server's OpenAPI and AsyncAPI documents. */
import { render } from "preact";
import { Mark } from "../design/icons.tsx";
import { Prose } from "../design/prose.tsx";
import { followTheme } from "../design/theme.ts";
import "../design/design.css";
import { type Chapter, chaptersOf, type Entry } from "./chapters.tsx";
import "./docs.css";
import { ThreadcastError } from "@threadcast/client/request";
import { type ConnectionDocument, type HttpDocument, readDocuments } from "./documents.ts";

interface Documents {
  readonly http: HttpDocument;
  readonly connection: ConnectionDocument;
}

function Page({ documents, problem }: { documents: Documents | null; problem: string }) {
  const chapters = documents === null ? [] : chaptersOf(documents.http, documents.connection);
  return (
    <>
      <header class="top">
        <a class="brand" href=".">
          <Mark size={24} />
          Threadcast
        </a>
        <span class="version">{documents?.http.info.version}</span>
        <span class="files">
          <a href="openapi.json">OpenAPI</a> <a href="asyncapi.json">AsyncAPI</a>
        </span>
      </header>
      <div class="columns">
        <nav class="contents" aria-label="Contents">
          {chapters.map((one) => (
            <Contents key={one.id} of={one} />
          ))}
        </nav>
        <main class="reference" aria-busy={documents === null && problem === ""}>
          <h1>API reference</h1>
          <p>{problem || <Prose text={documents?.http.info.description ?? "Loading…"} />}</p>
          {chapters.map((one) => (
            <ChapterView key={one.id} of={one} />
          ))}
        </main>
      </div>
    </>
  );
}

function Contents({ of }: { of: Chapter }) {
  return (
    <>
      <h2>
        <a href={`#${of.id}`}>{of.title}</a>
      </h2>
      <ul>
        {of.entries.map(({ id, title }) => (
          <li key={id}>
            <a href={`#${id}`}>{title}</a>
          </li>
        ))}
      </ul>
    </>
  );
}

function ChapterView({ of }: { of: Chapter }) {
  return (
    <section aria-labelledby={of.id}>
      <h2 id={of.id}>{of.title}</h2>
      {of.introduction}
      {of.entries.map((one) => (
        <EntryView key={one.id} of={one} />
      ))}
    </section>
  );
}

function EntryView({ of }: { of: Entry }) {
  return (
    <article class="entry" id={of.id}>
      <h3>{of.heading}</h3>
      {of.content}
    </article>
  );
}

const place = document.getElementById("app");
if (place === null) throw new Error("the document has no #app");
followTheme();
render(<Page documents={null} problem="" />, place);
try {
  const [http, connection] = await readDocuments();
  render(<Page documents={{ http, connection }} problem="" />, place);
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  if (!(error instanceof ThreadcastError)) throw error;
  render(
    <Page documents={null} problem={`The reference could not be loaded: ${error.message}`} />,
    place,
  );
}

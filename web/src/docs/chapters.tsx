/** The chapters of the API reference, each from one of the documents. */
import type { ComponentChildren } from "preact";
import { Prose } from "../design/prose.tsx";
import {
  type Answer,
  type ConnectionDocument,
  type HttpDocument,
  nameOf,
  type Operation,
  type Parameter,
  resolve,
  type Schema,
  type Schemas,
} from "./documents.ts";
import { FieldTable, Meaning, NameCell, Table, TypeOf } from "./schema_view.tsx";

const ENVELOPE = "AgentDeltaEvent";
const STANDARD_CLOSES: readonly (readonly [number, string])[] = [
  [1000, "Normal closure."],
  [1001, "The other side is going away."],
  [1002, "A frame violated the WebSocket protocol."],
  [1003, "A binary frame came where text was expected."],
  [1007, "A text frame was not valid UTF-8."],
  [1009, "A message was too big."],
];

export interface Chapter {
  readonly id: string;
  readonly title: string;
  readonly introduction: ComponentChildren;
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly id: string;
  /** Its name in the table of contents. */
  readonly title: string;
  /** Its own heading. */
  readonly heading: ComponentChildren;
  readonly content: ComponentChildren;
}

export function chaptersOf(http: HttpDocument, connection: ConnectionDocument): Chapter[] {
  const schemas = { ...connection.components.schemas, ...http.components.schemas };
  const errors = schemas.ErrorCode ?? {};
  return [
    httpChapter(http, schemas),
    commandChapter(connection),
    eventChapter(connection, "connection_events", "Connection events"),
    eventChapter(connection, "journal_events", "Journal events"),
    errorChapter(errors),
    closeChapter(errors),
    schemaChapter(schemas),
  ];
}

function entry(id: string, title: string, content: ComponentChildren): Entry {
  return { id, title, heading: <a href={`#${id}`}>{title}</a>, content };
}

function httpChapter(http: HttpDocument, schemas: Schemas): Chapter {
  const entries = Object.entries(http.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      httpEntry(path, method, operation, schemas),
    ),
  );
  const introduction = (
    <p>
      Send <code>{"Authorization: Bearer <token>"}</code>; the token is never part of an address.
      Bodies are JSON.
    </p>
  );
  return { id: "http", title: "HTTP", introduction, entries };
}

function httpEntry(path: string, method: string, operation: Operation, schemas: Schemas): Entry {
  const id = `http-${operation.operationId}`;
  const body = operation.requestBody?.content["application/json"]?.schema;
  const heading = (
    <>
      <span class="method" data-method={method}>
        {method}
      </span>
      <a href={`#${id}`}>{path}</a>
      {operation.security?.length === 0 && <span class="tag">no token needed</span>}
    </>
  );
  const content = (
    <>
      <p>
        <Prose text={operation.summary} />
      </p>
      <Parameters of={operation.parameters ?? []} />
      {body && (
        <>
          <h4>
            Body: <TypeOf schema={body} />
          </h4>
          <FieldTable schema={resolve(schemas, body)} />
        </>
      )}
      <Answers of={operation.responses} />
    </>
  );
  return { id, title: `${method.toUpperCase()} ${path}`, heading, content };
}

function Parameters({ of }: { of: readonly Parameter[] }) {
  if (of.length === 0) return null;
  const rows = of.map(({ name, required = false, in: place, schema, description }) => [
    <NameCell key="name" name={name} isRequired={required} />,
    place,
    <TypeOf key="type" schema={schema} />,
    <Meaning key="meaning" schema={{ ...schema, ...(description && { description }) }} />,
  ]);
  return (
    <>
      <h4>Parameters</h4>
      <Table heads={["Name", "In", "Type", "Meaning"]} rows={rows} />
    </>
  );
}

function Answers({ of }: { of: Readonly<Record<string, Answer>> }) {
  const all = Object.entries(of);
  const bad = all.filter(([status]) => Number(status) >= 400);
  return (
    <>
      <h4>Response</h4>
      {all
        .filter((one) => !bad.includes(one))
        .map(([status, answer]) => (
          <p key={status}>
            {status} {answer.description}: <Content of={answer} />
          </p>
        ))}
      {bad.length > 0 && (
        <details>
          <summary>Errors</summary>
          {bad.map(([status, { description }]) => (
            <div key={status}>
              <h4>{status}</h4>
              <ul>
                {description.split("\n").map((line) => (
                  <li key={line}>
                    <Prose text={line.replace(/^- /, "")} />
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </details>
      )}
    </>
  );
}

function Content({ of }: { of: Answer }) {
  const [type, content] = Object.entries(of.content ?? {})[0] ?? [];
  if (type === undefined) return "nothing";
  return type === "application/json" ? <TypeOf schema={content?.schema} /> : <code>{type}</code>;
}

function messagesOf(document: ConnectionDocument, operation: string) {
  const { messages = [] } = document.operations[operation] ?? {};
  return messages.flatMap((one) => document.components.messages[nameOf(one) ?? ""] ?? []);
}

function commandChapter(document: ConnectionDocument): Chapter {
  const { schemas } = document.components;
  const received = Object.keys(document.operations).filter(
    (name) => document.operations[name]?.action === "receive",
  );
  const accepted = resolve(schemas, schemas.CommandAcceptedEvent?.properties?.data);
  const answers = new Map(
    accepted.oneOf?.map((one) => {
      const answer = resolve(schemas, one);
      return [answer.properties?.command?.enum?.[0], answer];
    }),
  );
  const entries = received
    .flatMap((operation) => messagesOf(document, operation))
    .map(({ name, payload }) => {
      const schema = resolve(schemas, payload);
      return entry(
        `command-${name}`,
        name,
        <>
          <p>
            <Prose text={schema.description} />
          </p>
          <FieldTable schema={schema} leaveOut={["command"]} />
          <Accepted answer={answers.get(name)} />
        </>,
      );
    });
  const introduction = (
    <>
      <p>
        A WebSocket at <code>{document.channels.connection.address}</code>, subprotocol{" "}
        <code>threadcast.v1</code>; from a browser the token is a second subprotocol,{" "}
        <code>{"bearer.<token>"}</code>.
      </p>
      <p>
        <Prose text={document.info.description} />
      </p>
    </>
  );
  return { id: "commands", title: "Commands", introduction, entries };
}

function Accepted({ answer }: { answer: Schema | undefined }) {
  if (answer === undefined) return null;
  return (
    <>
      <h4>Accepted with</h4>
      <FieldTable
        schema={answer}
        leaveOut={["command", "id"]}
        otherwise={
          <p>
            <Prose text={answer.description} />
          </p>
        }
      />
    </>
  );
}

function eventChapter(document: ConnectionDocument, operation: string, title: string): Chapter {
  const { schemas } = document.components;
  const entries = messagesOf(document, `send_${operation}`).map(({ name, payload }) => {
    const schema = resolve(schemas, resolve(schemas, payload).properties?.data);
    return entry(
      `event-${name}`,
      name,
      <>
        <p>
          <Prose text={schema.description} />
        </p>
        {schema.oneOf ? (
          <p>
            One of <TypeOf schema={schema} />.
          </p>
        ) : (
          <FieldTable schema={schema} />
        )}
      </>,
    );
  });
  const introduction =
    operation === "journal_events" ? (
      <>
        <p>What happened in threads, in one order for each user. Every event has</p>
        <FieldTable schema={schemas[ENVELOPE]} leaveOut={["data"]} />
        <p>
          and its own <code>data</code>:
        </p>
      </>
    ) : (
      <p>
        What the server says about the connection itself; they have no <code>seq</code>.
      </p>
    );
  return { id: operation.replaceAll("_", "-"), title, introduction, entries };
}

function errorChapter(schema: Schema): Chapter {
  const rows = (schema["x-errors"] ?? []).map(({ code, text, status, close, retryable }) => [
    <code key="code">{code}</code>,
    text,
    String(status),
    close === null ? "" : String(close),
    retryable ? "yes" : "",
  ]);
  const introduction = (
    <>
      <p>
        <Prose text={schema.description} />
      </p>
      <div id="schema-ErrorCode">
        <Table heads={["Code", "Meaning", "HTTP", "Close", "Retryable"]} rows={rows} />
      </div>
    </>
  );
  return { id: "errors", title: "Error codes", introduction, entries: [] };
}

function closeChapter(schema: Schema): Chapter {
  const because = new Map<number, ComponentChildren[]>();
  for (const [code, text] of STANDARD_CLOSES) because.set(code, [text]);
  for (const { code, close } of schema["x-errors"] ?? []) {
    if (close === null) continue;
    because.set(close, [...(because.get(close) ?? []), <code key={code}>{code}</code>, " "]);
  }
  const rows = [...because].sort(([a], [b]) => a - b).map(([code, why]) => [String(code), why]);
  const introduction = <Table heads={["Code", "Reason"]} rows={rows} />;
  return { id: "closes", title: "Close codes", introduction, entries: [] };
}

function schemaChapter(schemas: Schemas): Chapter {
  const entries = Object.entries(schemas)
    .filter(([name]) => name !== "ErrorCode")
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, schema]) =>
      entry(
        `schema-${name}`,
        name,
        <>
          {schema.description !== undefined && (
            <p>
              <Prose text={schema.description} />
            </p>
          )}
          <FieldTable
            schema={schema}
            otherwise={
              <p>
                <TypeOf schema={schema} />
              </p>
            }
          />
        </>,
      ),
    );
  return {
    id: "schemas",
    title: "Schemas",
    introduction: <p>* marks required fields.</p>,
    entries,
  };
}

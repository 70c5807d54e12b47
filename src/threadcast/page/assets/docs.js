/** Draws the reference from the documents that the server publishes; it needs nothing else. */

import { h, setChildren, setText } from "./dom.js";
import { fieldTable, meaning, prose, table, typeOf } from "./docs_schema.js";

const ENVELOPE = "AgentDeltaEvent";
const STANDARD_CLOSES = [
  [1000, "The conversation is over."],
  [1001, "The other side goes away."],
  [1002, "A frame broke the WebSocket protocol."],
  [1003, "A binary frame came where text was expected."],
  [1007, "A text frame was not valid UTF-8."],
  [1009, "A message was too big."],
];

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new TypeError(`${path}: the server answered ${response.status}`);
  return response.json();
}

function show(http, connection) {
  setText(document.getElementById("version"), http.info.version);
  const schemas = { ...connection.components.schemas, ...http.components.schemas };
  const chapters = [
    httpChapter(http, schemas),
    commandChapter(connection),
    eventChapter(connection, "connection_events", "Connection events", false),
    eventChapter(connection, "journal_events", "Journal events", true),
    errorChapter(schemas.ErrorCode),
    closeChapter(schemas.ErrorCode),
    schemaChapter(schemas),
  ];
  const reference = document.getElementById("reference");
  setChildren(reference, [
    h("h1", {}, "API reference"), h("p", {}, prose(http.info.description)),
    chapters.map(({ section }) => section),
  ]);
  reference.setAttribute("aria-busy", "false");
  setChildren(document.getElementById("contents"), chapters.flatMap(({ id, title, entries }) => [
    h("h2", {}, h("a", { href: `#${id}` }, title)),
    h("ul", {}, entries.map(([anchor, text]) => h("li", {}, h("a", { href: `#${anchor}` }, text)))),
  ]));
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function chapter(id, title, introduction, entries) {
  return {
    id, title,
    entries: entries.map(({ id: anchor, title: text }) => [anchor, text]),
    section: h("section", { "aria-labelledby": id }, h("h2", { id }, title), introduction,
      entries.map(({ element }) => element)),
  };
}

function entry(id, title, heading, ...content) {
  const head = h("h3", {}, heading ?? h("a", { href: `#${id}` }, title));
  return { id, title, element: h("article", { class: "entry", id }, head, content) };
}

// --- HTTP --------------------------------------------------------------------------------------

function httpChapter(http, schemas) {
  const entries = Object.entries(http.paths).flatMap(([path, methods]) => (
    Object.entries(methods).map(([method, operation]) => httpEntry(path, method, operation, schemas))));
  return chapter("http", "HTTP", h("p", {}, "Send ", h("code", {}, "Authorization: Bearer <token>"),
    "; the token is never part of an address. Bodies are JSON."), entries);
}

function httpEntry(path, method, operation, schemas) {
  const id = `http-${operation.operationId}`;
  const heading = [
    h("span", { class: "method", "data-method": method }, method), h("a", { href: `#${id}` }, path),
    operation.security?.length === 0 && h("span", { class: "tag" }, "no credential needed"),
  ];
  const body = operation.requestBody?.content["application/json"]?.schema;
  return entry(id, `${method.toUpperCase()} ${path}`, heading,
    h("p", {}, prose(operation.summary)),
    parameterTable(operation.parameters ?? []),
    body && [h("h4", {}, "Body: ", typeOf(body)), fieldTable(schemas[nameOf(body)])],
    answers(operation.responses));
}

function parameterTable(parameters) {
  if (parameters.length === 0) return null;
  const rows = parameters.map((parameter) => [
    [h("code", {}, parameter.name), parameter.required && h("span", { class: "required" }, " *")],
    parameter.in, typeOf(parameter.schema),
    meaning({ ...parameter.schema, description: parameter.description }),
  ]);
  return [h("h4", {}, "Parameters"), table(["Name", "In", "Type", "Meaning"], rows)];
}

function answers(responses) {
  const isGood = ([status]) => Number(status) < 400;
  const good = Object.entries(responses).filter(isGood);
  const bad = Object.entries(responses).filter((one) => !isGood(one));
  return [
    h("h4", {}, "Answer"),
    good.map(([status, response]) => {
      const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
      const what = type === undefined ? ["nothing"]
        : type === "application/json" ? typeOf(content.schema) : [h("code", {}, type)];
      return h("p", {}, `${status} ${response.description}: `, what);
    }),
    bad.length > 0 && h("details", {}, h("summary", {}, "What can be refused, and why"),
      bad.map(([status, response]) => [
        h("h4", {}, status), h("ul", {}, listItems(response.description)),
      ])),
  ];
}

function listItems(text) {
  return text.split("\n").map((line) => h("li", {}, prose(line.replace(/^- /, ""))));
}

// --- connections -------------------------------------------------------------------------------

function messagesOf(document, operation) {
  return operation.messages.map(({ $ref }) => document.components.messages[nameOf({ $ref })]);
}

function nameOf(schema) {
  return schema.$ref?.split("/").at(-1);
}

function resolve(document, schema) {
  const name = nameOf(schema);
  return name === undefined ? schema : document.components.schemas[name];
}

function commandChapter(document) {
  const names = Object.values(document.operations)
    .filter(({ action }) => action === "receive")
    .flatMap((operation) => messagesOf(document, operation));
  const accepted = resolve(document, document.components.schemas.CommandAcceptedEvent.properties.data);
  const answersByName = new Map(accepted.oneOf.map((one) => {
    const answer = resolve(document, one);
    return [answer.properties.command.enum[0], answer];
  }));
  const entries = names.map(({ name, payload }) => {
    const schema = resolve(document, payload);
    return entry(`command-${name}`, name, null, h("p", {}, prose(schema.description)),
      fieldTable(schema, { leaveOut: ["command"] }), acceptedAs(answersByName.get(name)));
  });
  const { address } = document.channels.connection;
  return chapter("commands", "Commands", [
    h("p", {}, "A WebSocket at ", h("code", {}, address), ", subprotocol ",
      h("code", {}, "threadcast.v1"), "; from a browser the token is a second subprotocol, ",
      h("code", {}, "bearer.<token>"), "."),
    h("p", {}, prose(document.info.description)),
  ], entries);
}

function acceptedAs(answer) {
  if (answer === undefined) return null;
  const fields = fieldTable(answer, { leaveOut: ["command", "id"] });
  return [h("h4", {}, "Accepted with"), fields ?? h("p", {}, prose(answer.description))];
}

function eventChapter(document, operation, title, isJournal) {
  const entries = messagesOf(document, document.operations[`send_${operation}`])
    .map(({ name, payload }) => {
      const { data } = resolve(document, payload).properties;
      const schema = resolve(document, data);
      return entry(`event-${name}`, name, null, h("p", {}, prose(schema.description)),
        schema.oneOf ? h("p", {}, "One of ", typeOf(schema), ".") : fieldTable(schema));
    });
  const envelope = document.components.schemas[ENVELOPE];
  const introduction = isJournal
    ? [h("p", {}, "What happened in threads, in one order for each user. Every event has"),
      fieldTable(envelope, { leaveOut: ["data"] }),
      h("p", {}, "and its own ", h("code", {}, "data"), ":")]
    : h("p", {}, "What the server says about the connection itself; they have no ",
      h("code", {}, "seq"), ".");
  return chapter(operation.replaceAll("_", "-"), title, introduction, entries);
}

// --- errors, closes, schemas -------------------------------------------------------------------

function errorChapter(schema) {
  const rows = schema["x-errors"].map(({ code, text, status, close, retryable }) => [
    h("code", {}, code), text, String(status), close === null ? "" : String(close),
    retryable ? "yes" : "",
  ]);
  return chapter("errors", "Error codes", [
    h("p", {}, prose(schema.description)),
    h("div", { id: "schema-ErrorCode" }, table(
      ["Code", "Meaning", "HTTP", "Close", "Try again"], rows,
    )),
  ], []);
}

function closeChapter(schema) {
  const codes = new Map(STANDARD_CLOSES.map(([code, text]) => [code, [text]]));
  for (const { code, close } of schema["x-errors"]) {
    if (close === null) continue;
    codes.set(close, [...codes.get(close) ?? [], h("code", {}, code), " "]);
  }
  const rows = [...codes].sort(([a], [b]) => a - b).map(([code, what]) => [String(code), what]);
  return chapter("closes", "Close codes", table(["Code", "Because of"], rows), []);
}

function schemaChapter(schemas) {
  const entries = Object.entries(schemas).sort(([a], [b]) => a.localeCompare(b))
    .filter(([name]) => name !== "ErrorCode")
    .map(([name, schema]) => entry(`schema-${name}`, name, null,
      schema.description && h("p", {}, prose(schema.description)),
      fieldTable(schema) ?? h("p", {}, typeOf(schema))));
  return chapter("schemas", "Schemas", h("p", {}, "* marks what is required."), entries);
}

try {
  show(...await Promise.all([read("openapi.json"), read("asyncapi.json")]));
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  setChildren(document.getElementById("reference"), [
    h("h1", {}, "API reference"), h("p", {}, `It cannot be shown now: ${error.message}.`),
  ]);
}

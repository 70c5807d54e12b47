/** The golden vectors of commands and connection events: the wire, as every client has to speak it. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Connection, type Unsent } from "../src/connection/connection.ts";
import { Credential } from "../src/credential/credential.ts";
import type { ThreadcastError } from "../src/error.ts";
import type { Command, ConnectionEvent } from "../src/protocol.ts";
import { Hub } from "../src/shared/hub.ts";
import { FakeServer, settled, tokenFor, USER } from "./fake_server.ts";
import { vectorsOf } from "./vector_files.ts";

const BASE = new URL("http://test/");

let server: FakeServer;
let connection: Connection;
/** What the connection's owner was told. */
let told: [string, unknown][];

beforeEach(async () => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  mock.method(Math, "random", () => 1);
  server = new FakeServer();
  told = [];
  const credential = new Credential(
    () => tokenFor(USER),
    () => {},
  );
  connection = new Connection(BASE, credential, [server.open], {
    onReady: async (user, data) => void told.push([user, data]),
    onAttached: async (event) => void told.push(["attached", event]),
    onEvents: (events) => told.push(["events", events]),
    onStatus: (status) => told.push(["status", status]),
    onSilence() {},
  });
  connection.open();
  await settled();
});

afterEach(() => {
  connection.close();
  mock.timers.reset();
  mock.restoreAll();
});

for (const { name, command } of vectorsOf<{ command: Command }>("commands")) {
  test(`a command is said as the vector says: ${name}`, () => {
    server.ignores.add(command.command);
    const { id: _id, ...unsent } = command;
    connection.request(unsent).catch(() => {});
    const [said] = server.link.commands;
    assert.deepEqual(JSON.parse(JSON.stringify(said)), { ...command, id: "c1" });
  });
}

type Checked = Exclude<ConnectionEvent["event_type"], "connection_ready">;
type EventOf<Type> = Extract<ConnectionEvent, { event_type: Type }>;

/** What the owner has to be told, or the asker, when a server says this. */
const CHECKS: { [Type in Checked]: (event: EventOf<Type>) => Promise<void> | void } = {
  attached(event) {
    server.link.text(JSON.stringify(event));
    assert.deepEqual(told, [["attached", event]]);
  },
  caught_up(event) {
    server.link.text(JSON.stringify(event));
    assert.deepEqual(told, [["status", { phase: "live", transport: "websocket" }]]);
  },
  async command_accepted(event) {
    const { command, id } = event.data;
    assert.deepEqual(await answerTo(command, id, event), event.data);
  },
  async command_rejected(event) {
    const { id, code, message, retryable, retry_after_ms } = event.data;
    if (id === null) {
      server.link.text(JSON.stringify(event));
      assert.deepEqual(told, []);
      return;
    }
    const error = (await answerTo("ping", id, event).catch((one) => one)) as ThreadcastError;
    assert.deepEqual(
      [error.code, error.message, error.retryable, error.retryAfterMs],
      [code, message, retryable, retry_after_ms ?? 0],
    );
  },
  connection_closing(event) {
    const { code: close, error, reason, reconnect, retry_after_ms } = event.data;
    server.link.text(JSON.stringify(event));
    server.link.drop(close);
    const why = { code: error, reason };
    const untilMs = Date.now() + (retry_after_ms ?? 0) + 500;
    const status = reconnect ? { phase: "waiting", untilMs } : { phase: "stopped" };
    assert.deepEqual(told, [["status", { ...status, ...why }]]);
  },
};

/** Ask as often as it takes until this id is used, and have it answered so. */
function answerTo(
  command: Command["command"],
  id: string | null,
  event: ConnectionEvent,
): Promise<unknown> {
  server.ignores.add(command);
  for (;;) {
    const answer = connection.request({ command } as Unsent);
    if (server.link.commands.at(-1)?.id === id) {
      server.link.text(JSON.stringify(event));
      return answer;
    }
    answer.catch(() => {}); // The connection is closed before this one is answered.
  }
}

for (const { name, event } of vectorsOf<{ event: ConnectionEvent }>("connection_events")) {
  test(`a connection event is taken as the vector says it: ${name}`, async () => {
    if (event.event_type === "connection_ready") {
      connection.close();
      server.greets = false;
      connection.open();
      await settled();
      told = [];
      server.link.text(JSON.stringify(event));
      assert.deepEqual(told, [[event.user_id, event.data]]);
      return;
    }
    told = [];
    await CHECKS[event.event_type](event as never);
  });

  test(`and the hub passes it on: ${name}`, () => {
    const heard: ConnectionEvent[] = [];
    const hub = new Hub([server.open]);
    const page = {
      say: (text: string) => {
        if (text) heard.push(...text.split("\n").map((line) => JSON.parse(line)));
      },
      end() {},
      transport() {},
    };
    server.greets = false;
    hub.join(page, BASE, tokenFor(USER));
    const { event_type, data } = event;
    if (event_type !== "connection_ready") server.greet(server.link);
    server.ignores.add("attach").add("ping");
    hub.ask(page, { command: "attach", id: "c0" });
    if (event_type !== "attached") server.attach(server.link, { command: "attach", id: "attach" });
    hub.ask(page, { command: "ping", id: "c7" });
    const asked = server.link.commands.at(-1)?.id;
    const isAnswer = "id" in data;
    const said = isAnswer ? { ...event, data: { ...data, id: asked } } : event;
    heard.length = 0;
    server.link.text(JSON.stringify(said));
    const passed = heard.find((one) => one.event_type === event_type);
    assert.deepEqual(passed?.data, isAnswer ? { ...data, id: "c7" } : passedOn(data));
  });
}

/** Events of one thread alone are not for a hub: it never attaches so. */
function passedOn(data: object): object {
  const { thread_id: _thread, ...others } = data as { thread_id?: string };
  return others;
}

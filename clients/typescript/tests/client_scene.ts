/** What the tests of one client share: a server without a network, and a clock that they move. */
import { afterEach, beforeEach, mock } from "node:test";
import { Client, type ClientOptions } from "../src/index.ts";
import { FakeServer, pass, settled, tokenFor, USER } from "./fake_server.ts";

export let server: FakeServer;
export let client: Client;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  mock.method(Math, "random", () => 1);
  server = new FakeServer();
});

afterEach(() => {
  client.close();
  mock.timers.reset();
  mock.restoreAll();
});

/** A client that has not begun to connect. */
export function made(options: Partial<ClientOptions> = {}): Client {
  const token = () => tokenFor(USER);
  client = new Client({ url: "http://test/", token, transports: [server.open], ...options });
  return client;
}

export async function started(options: Partial<ClientOptions> = {}): Promise<Client> {
  made(options).start();
  await settled();
  return client;
}

export const phase = () => client.status.phase;

/** The connection breaks, and the next one is greeted as another user's. */
export async function greetedAsAnother(): Promise<void> {
  server.greets = false;
  server.link.drop();
  await pass(1_000);
  const ready = { connection_id: "w", feed: "f", head: 0, expires_at: null };
  const envelope = { event_type: "connection_ready", timestamp: 1, user_id: "other", data: ready };
  server.link.text(JSON.stringify(envelope));
  await settled();
}

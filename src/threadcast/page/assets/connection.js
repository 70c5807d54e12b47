/**
 * One user's live connection: opened, kept, and opened again after it was lost.
 *
 * It tells its owner what arrives and how it is; what is done with events, and from which cursor
 * it attaches, the owner decides. Knows nothing of the document.
 */

import { SignedOut } from "./session.js";

const BACKOFF_FIRST_MS = 400;
const BACKOFF_MAX_MS = 15_000;
const STEADY_MS = 10_000;
const QUIET_MAX_MS = 25_000;
const ANSWER_MAX_MS = 10_000;
const RENEW_AHEAD_S = 60;
const TIMER_MAX_MS = 2 ** 31 - 1;
const CREDENTIAL = 4401;
const NOT_WORTH_RETRYING = new Set([4400, 4403]);

/** A command that the server refused; `code` is a row of its error table. */
export class Rejected extends Error {
  constructor({ code, message, retryable, retry_after_ms: retryAfterMs = null }) {
    super(message);
    Object.assign(this, { code, retryable, retryAfterMs });
  }
}

/** The connection ended before the answer came: whether it was done is not known. */
export class Disconnected extends Error {}

/**
 * The phase it is in is told to `onStatus({ phase, ... })`:
 * `connecting`, `attaching`, `live`, `waiting` (with `untilMs`), `stopped` (with `reason`),
 * `signed_out` (with `reason`).
 */
export class Connection {
  #session;
  #owner;
  #socket = null;
  #attempt = 0;
  #attaching = false;
  #commands = new Map();
  #lastCommand = 0;
  #farewell = null;
  #wasRenewed = false;
  #timers = {};
  #isClosed = true;

  /** @param owner `{ onReady(ready), onAttached(data), onEvent(event), onStatus(status) }` */
  constructor(session, owner) {
    this.#session = session;
    this.#owner = owner;
  }

  open() {
    this.#isClosed = false;
    this.#attempt = 0;
    this.#connect();
  }

  /** End it and forget it. */
  close() {
    this.#isClosed = true;
    this.#drop(1000);
  }

  /** Skip what is left of a wait; find out soon whether a silent connection still lives. */
  nudge() {
    if (this.#isClosed) return;
    if (this.#socket === null) this.#connect();
    else if (this.#socket.readyState === WebSocket.OPEN) this.#askForLife();
  }

  /** The owner found that it cannot go on with this connection: try another one. */
  restart() {
    if (!this.#isClosed) this.#lost({ code: 1006 });
  }

  /** Ask for the events after a cursor; journal events before the answer are not told. */
  async attach({ after, feed, at }) {
    this.#attaching = true;
    const cursor = { after };
    if (feed !== null) cursor.feed = feed;
    if (at !== null) cursor.at = at;
    await this.request("attach", cursor);
  }

  /**
   * Send a command; resolves with the answer's data.
   *
   * @throws {Rejected} the server refused it
   * @throws {Disconnected} no answer came, or there is no connection
   */
  request(command, fields = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Disconnected("There is no connection."));
    }
    const id = `c${++this.#lastCommand}`;
    this.#socket.send(JSON.stringify({ command, id, ...fields }));
    return new Promise((resolve, reject) => this.#commands.set(id, { resolve, reject }));
  }

  #connect() {
    this.#clearTimers();
    this.#owner.onStatus({ phase: "connecting", attempt: this.#attempt });
    const url = new URL("v1/ws", this.#session.base);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, ["threadcast.v1", `bearer.${this.#session.token}`]);
    this.#socket = socket;
    this.#farewell = null;
    this.#attaching = false;
    socket.onmessage = (message) => {
      if (this.#socket === socket) this.#hear(JSON.parse(message.data));
    };
    socket.onclose = (close) => {
      if (this.#socket === socket) this.#lost(close);
    };
    this.#expectAnswer();
  }

  #hear(event) {
    this.#listenForLife();
    const { event_type: type, data } = event;
    if (event.seq !== undefined) {
      if (!this.#attaching) this.#owner.onEvent(event);
    } else if (type === "connection_ready") {
      this.#wasRenewed = false;
      this.#watchExpiry(data.expires_at);
      this.#owner.onStatus({ phase: "attaching" });
      this.#owner.onReady({ ...data, user_id: event.user_id });
    } else if (type === "attached") {
      this.#attaching = false;
      this.#owner.onAttached(data);
    } else if (type === "caught_up") {
      this.#timers.steady ??= setTimeout(() => { this.#attempt = 0; }, STEADY_MS);
      this.#owner.onStatus({ phase: "live" });
    } else if (type === "command_accepted") {
      this.#settle(data.id, (command) => command.resolve(data));
    } else if (type === "command_rejected") {
      this.#settle(data.id, (command) => command.reject(new Rejected(data)));
    } else if (type === "connection_closing") {
      this.#farewell = data;
    }
  }

  #settle(id, how) {
    const command = this.#commands.get(id);
    if (command === undefined) return;
    this.#commands.delete(id);
    how(command);
  }

  async #lost(close) {
    const farewell = this.#farewell;
    this.#drop(1000);
    if (this.#isClosed) return;
    if (close.code === CREDENTIAL) {
      await this.#renewAndReconnect(farewell?.reason);
    } else if (farewell?.reconnect === false || NOT_WORTH_RETRYING.has(close.code)) {
      this.#owner.onStatus({ phase: "stopped", reason: farewell?.reason ?? close.reason });
    } else {
      this.#waitAndReconnect(farewell?.retry_after_ms ?? 0);
    }
  }

  async #renewAndReconnect(reason = "The credential is not valid.") {
    try {
      if (this.#wasRenewed) throw new SignedOut(reason);
      this.#wasRenewed = true;
      await this.#session.renew();
    } catch (error) {
      if (!(error instanceof SignedOut)) {
        this.#waitAndReconnect(0);
        return;
      }
      this.#isClosed = true;
      this.#owner.onStatus({ phase: "signed_out", reason });
      return;
    }
    if (!this.#isClosed) this.#connect();
  }

  #waitAndReconnect(atLeastMs) {
    const limitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#attempt);
    const waitMs = atLeastMs + limitMs * (0.5 + Math.random() / 2);
    this.#attempt += 1;
    this.#timers.reconnect = setTimeout(() => this.#connect(), waitMs);
    this.#owner.onStatus({ phase: "waiting", untilMs: Date.now() + waitMs });
  }

  #drop(code) {
    this.#clearTimers();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
    const commands = [...this.#commands.values()];
    this.#commands.clear();
    for (const { reject } of commands) reject(new Disconnected("The connection was lost."));
  }

  /** Renew a credential while the connection lives, so that it never has to end. */
  #watchExpiry(expiresAt) {
    clearTimeout(this.#timers.expiry);
    if (expiresAt === null || !this.#session.isRenewable) return;
    const leftMs = (expiresAt - RENEW_AHEAD_S) * 1000 - Date.now();
    if (leftMs > TIMER_MAX_MS) return;
    this.#timers.expiry = setTimeout(async () => {
      try {
        await this.#session.renew();
        const renewed = await this.request("authenticate", { token: this.#session.token });
        this.#watchExpiry(renewed.expires_at);
      } catch {
        // The server ends the connection when the credential does; that path asks again.
      }
    }, Math.max(1000, leftMs));
  }

  #listenForLife() {
    clearTimeout(this.#timers.answer);
    clearTimeout(this.#timers.quiet);
    this.#timers.quiet = setTimeout(() => this.#askForLife(), QUIET_MAX_MS);
  }

  #askForLife() {
    this.request("ping").catch(() => {});
    this.#expectAnswer();
  }

  #expectAnswer() {
    clearTimeout(this.#timers.answer);
    this.#timers.answer = setTimeout(() => this.#lost({ code: 1006 }), ANSWER_MAX_MS);
  }

  #clearTimers() {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers = {};
  }
}

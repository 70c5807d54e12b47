/** Requests to the HTTP API, with the session's credential. */

const BUSY_TRIES = 5;
const BUSY_WAIT_MAX_MS = 10_000;

/** An answer that refuses; `code` is a row of the server's error table, or `unreachable`. */
export class Problem extends Error {
  constructor({ code, detail, status, retryable, retryAfterMs = null }) {
    super(detail);
    this.code = code;
    this.status = status;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  threads({ before, limit = 50 } = {}) {
    return this.#request("GET", "v1/threads", { query: { limit, before } });
  }

  thread(id) {
    return this.#request("GET", `v1/threads/${id}`);
  }

  messages(id, { before, limit = 50 } = {}) {
    return this.#request("GET", `v1/threads/${id}/messages`, { query: { limit, before } });
  }

  events(id, { after = 0, limit = 200 } = {}) {
    return this.#request("GET", `v1/threads/${id}/events`, { query: { after, limit } });
  }

  rename(id, title) {
    return this.#request("PATCH", `v1/threads/${id}`, { body: { title } });
  }

  remove(id) {
    return this.#request("DELETE", `v1/threads/${id}`);
  }

  async #request(method, path, { query = {}, body } = {}) {
    const url = new URL(path, this.#session.base);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined && value !== null) url.searchParams.set(key, value);
    }
    for (let tries = 1; ; tries += 1) {
      try {
        return await readAnswer(await this.#sendAndRenew(method, url, body));
      } catch (error) {
        if (error.code !== "rate_limited" || tries === BUSY_TRIES) throw error;
        const waitMs = (error.retryAfterMs ?? 1_000) * (1 + Math.random());
        await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, BUSY_WAIT_MAX_MS)));
      }
    }
  }

  async #sendAndRenew(method, url, body) {
    const response = await this.#send(method, url, body);
    if (response.status !== 401 || !this.#session.isRenewable) return response;
    await this.#session.renew();
    return this.#send(method, url, body);
  }

  async #send(method, url, body) {
    const headers = { Authorization: `Bearer ${this.#session.token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      return await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new Problem({
        code: "unreachable", detail: "The server cannot be reached.", status: 0, retryable: true,
      });
    }
  }
}

async function readAnswer(response) {
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  throw new Problem({
    code: answer?.code ?? "internal",
    detail: answer?.detail ?? `The server answered ${response.status}.`,
    status: response.status,
    retryable: answer?.retryable ?? response.status >= 500,
    retryAfterMs: answer?.retry_after_ms ?? null,
  });
}

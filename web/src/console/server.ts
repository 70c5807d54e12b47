/**
 * Requests to the server, each with the operator's token. Knows no answer's meaning.
 *
 * Addresses are relative to the document, so that the console works under any prefix.
 */

const PATIENCE_MS = 15_000;

/** The server said no, or could not be reached (`status` 0, code `unreachable`). */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** How long to wait before asking again; null where the server did not say. */
  readonly retryAfterMs: number | null;

  constructor(status: number, code: string, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

interface Problem {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly title?: unknown;
  readonly retry_after_ms?: unknown;
}

/** One server, asked with one token. */
export class Server {
  readonly #token: string | null;

  constructor(token: string | null) {
    this.#token = token;
  }

  /** Read; parameters that are null are left out. */
  get<Answer>(path: string, query: Record<string, string | number | null> = {}): Promise<Answer> {
    const given = Object.entries(query).filter(([, value]) => value !== null);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return this.#ask<Answer>(given.length === 0 ? path : `${path}?${search}`, { method: "GET" });
  }

  /** Have something done. */
  post<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#ask<Answer>(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
  }

  async #ask<Answer>(path: string, request: RequestInit): Promise<Answer> {
    const headers = new Headers(request.headers);
    if (this.#token !== null) headers.set("authorization", `Bearer ${this.#token}`);
    let answer: Response;
    try {
      answer = await fetch(path, {
        ...request,
        headers,
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch {
      throw new Refusal(0, "unreachable", "The server does not answer.");
    }
    const body: unknown = await answer.json().catch(() => null);
    if (!answer.ok) throw refusalOf(answer, body as Problem | null);
    return body as Answer;
  }
}

function refusalOf(answer: Response, problem: Problem | null): Refusal {
  const texts = [problem?.detail, problem?.title].filter((one) => typeof one === "string");
  const code = typeof problem?.code === "string" ? problem.code : "no_problem";
  const wait = problem?.retry_after_ms;
  return new Refusal(
    answer.status,
    code,
    texts[0] ?? `The server answered with status ${answer.status}.`,
    typeof wait === "number" ? wait : null,
  );
}

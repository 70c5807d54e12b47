/** What an answer says that is not a success. */
import type { Problem } from "./protocol.ts";

/** Its problem document; where it has none, what can be said all the same. */
export const problemOf = async (
  response: Response,
): Promise<Pick<Problem, "status" | "code" | "detail" | "retryable" | "retry_after_ms">> => ({
  status: response.status,
  code: "internal",
  detail: `The server answered ${response.status}.`,
  retryable: response.status >= 500,
  ...(await response.json().catch(() => null)),
});

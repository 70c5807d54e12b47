/** The error of an unsuccessful response. */
import type { Problem } from "./protocol.ts";

/** The problem document of a response; derived from its status if there is none. */
export const problemOf = async (
  response: Response,
): Promise<Pick<Problem, "status" | "code" | "detail" | "retryable" | "retry_after_ms">> => ({
  status: response.status,
  code: "internal",
  detail: `The server answered ${response.status}.`,
  retryable: response.status >= 500,
  ...(await response.json().catch(() => null)),
});

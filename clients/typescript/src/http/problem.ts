/** The error of an unsuccessful response. */
import type { Problem } from "../protocol.ts";

/** What a problem document says that the client acts on. */
export type Refusal = Pick<Problem, "status" | "code" | "detail" | "retryable" | "retry_after_ms">;

/** The problem document of a response; derived from its status if there is none. */
export const problemOf = async (response: Response): Promise<Refusal> => ({
  status: response.status,
  code: "internal",
  detail: `The server answered ${response.status}.`,
  retryable: response.status >= 500,
  ...(await response.json().catch(() => null)),
});

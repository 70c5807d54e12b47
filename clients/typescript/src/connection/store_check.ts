/** Asks whether the server can store events: if it cannot, its runs fall silent. */
import type { Trouble } from "./status.ts";

const ANSWER_MAX_MS = 4_000;

/** What is wrong with the store; null for nothing, undefined if the server does not tell. */
export async function troubleOfStore(base: URL): Promise<Trouble | null | undefined> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MAX_MS);
    const answer = await (await fetch(new URL("readyz", base), { signal })).json();
    const reason: string = answer.checks.store;
    return reason === "ok" ? null : { code: "unavailable", reason };
  } catch {
    return undefined;
  }
}

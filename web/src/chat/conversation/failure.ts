/** Why a run failed, in words for the person who asked. Pure. */
import type { RunView } from "@threadcast/client";

type Failure = NonNullable<RunView["failure"]>;

/** The server's own texts for these are about nodes and time limits. */
const PLAIN: Readonly<Record<string, string>> = {
  expired: "Nobody answered in time.",
  node_lost: "The server was interrupted while it answered.",
  timed_out: "The answer took too long.",
};
const UNSAID: Readonly<Record<string, string>> = {
  model_error: "The language model could not answer.",
  bad_agent_output: "The answer could not be used.",
};

/** One sentence. An agent's own message is shown as it is, unless it is a fragment for a log. */
export function failureWords({ failure }: RunView): string {
  if (failure === null) return "The run failed.";
  const { code, message } = failure;
  const isSentence = /^\P{Ll}/u.test(message);
  return PLAIN[code] ?? (isSentence ? message : (UNSAID[code] ?? "Something went wrong."));
}

/** Whether the same message may succeed. Nobody was there for the question: somebody is now. */
export function mayPass({ code, retryable }: Failure): boolean {
  return retryable || code === "expired";
}

/** What to quote to those who can look into it. */
export function failureDetails({ id, failure }: RunView): string {
  return failure === null ? id : `${failure.code}: ${failure.message}\n${id}`;
}

/**
 * Who is signed in to the console. The token is kept in memory alone: a reload asks for it again.
 *
 * What a token says of itself is read for showing it; whether it holds is the server's to judge.
 */
import { signal } from "@preact/signals";
import { claimsOf, ThreadcastError } from "@threadcast/client/request";
import { Server } from "./server.ts";

interface Access {
  readonly server: Server;
  /** The operator's name; empty where the token does not say. */
  readonly name: string;
  readonly scopes: readonly string[];
  /** Seconds since the epoch; null where the token does not say. */
  readonly expiresAt: number | null;
}

export const access = signal<Access | null>(null);

/** Why the operator has to sign in again; empty at the beginning. */
export const farewell = signal("");

/**
 * Sign in with a token, after asking the server whether it opens the console.
 *
 * Throws a `ThreadcastError` with what is wrong, in words for the operator.
 */
export async function signIn(token: string): Promise<void> {
  const said = holderOf(token);
  const server = new Server(token);
  try {
    await server.get("ops/overview");
  } catch (problem) {
    throw problem instanceof ThreadcastError ? explained(problem, said) : problem;
  }
  farewell.value = "";
  access.value = { server, ...said };
}

/** A token for a name, which only a development server gives. */
export async function developmentToken(name: string): Promise<string> {
  const answer = await new Server(null).post<{ token: string }>("dev/token", {
    user: name,
    scopes: ["ops", "content"],
  });
  return answer.token;
}

/** Forget the token; `why` is shown where one signs in. */
export function signOut(why = ""): void {
  farewell.value = why;
  access.value = null;
}

type Holder = Omit<Access, "server">;

/** What a token says of its holder; nothing for one that cannot be read. */
export function holderOf(token: string): Holder {
  const { sub, scope, exp } = claimsOf(token);
  return {
    name: typeof sub === "string" ? sub : "",
    scopes:
      typeof scope === "string" ? scope.split(" ").filter((one) => one !== "") : listed(scope),
    expiresAt: typeof exp === "number" ? exp : null,
  };
}

function listed(scope: unknown): string[] {
  return Array.isArray(scope) ? scope.filter((one) => typeof one === "string") : [];
}

function explained(problem: ThreadcastError, said: Holder): ThreadcastError {
  const again = (text: string) => new ThreadcastError(problem.code, text, problem);
  const whose = said.name === "" ? "This token" : `The token of ${said.name}`;
  if (problem.status === 403 && !said.scopes.includes("ops")) {
    const has = said.scopes.length === 0 ? "none" : said.scopes.join(", ");
    return again(`${whose} lacks the scope “ops” (it has: ${has}). Ask for one that has it.`);
  }
  if (problem.status === 404) {
    return again("The console is off on this server. The setting “console” turns it on.");
  }
  return problem;
}

/**
 * The signed-in operator. The token is in memory only: a reload asks for it again.
 *
 * Claims are read for display; only the server verifies them.
 */
import { signal } from "@preact/signals";
import { claimsOf, ThreadcastError } from "@threadcast/client/request";
import { Server } from "./server.ts";

interface Access {
  readonly server: Server;
  /** The token's subject; empty if it has none. */
  readonly name: string;
  readonly scopes: readonly string[];
  /** Seconds since the epoch; null if the token does not say. */
  readonly expiresAt: number | null;
}

export const access = signal<Access | null>(null);

/** Why the operator was signed out; empty at first. */
export const signOutReason = signal("");

/**
 * Sign in with a token, if the server accepts it for the console.
 *
 * @throws ThreadcastError the message is for the operator
 */
export async function signIn(token: string): Promise<void> {
  const said = holderOf(token);
  const server = new Server(token);
  try {
    await server.get("ops/overview");
  } catch (problem) {
    throw problem instanceof ThreadcastError ? explained(problem, said) : problem;
  }
  signOutReason.value = "";
  access.value = { server, ...said };
}

/** Mints a token for a name; works only on a development server. */
export async function developmentToken(name: string): Promise<string> {
  const answer = await new Server(null).post<{ token: string }>("dev/token", {
    user: name,
    scopes: ["ops", "content"],
  });
  return answer.token;
}

/** Forget the token; `why` is shown on the sign-in form. */
export function signOut(why = ""): void {
  signOutReason.value = why;
  access.value = null;
}

type Holder = Omit<Access, "server">;

/** A token's holder, from its claims; empty if it cannot be decoded. */
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

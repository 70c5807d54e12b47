/** The token provider: a function of the embedding page. */

import type { TokenProvider } from "@threadcast/client/element";

/** Why there is no token; the message is for the embedding page's authors. */
export class NoToken extends Error {
  readonly code: "no_token_provider" | "token_provider_failed";

  constructor(code: NoToken["code"], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * The function that an attribute names: `chatToken`, or `shop.chatToken` for one in an object.
 *
 * @throws NoToken there is no such function
 */
export function namedProvider(name: string, root: object): TokenProvider {
  let owner: unknown = root;
  let found: unknown = root;
  for (const part of name.split(".")) {
    owner = found;
    found = typeof owner === "object" && owner !== null ? Reflect.get(owner, part) : undefined;
  }
  if (typeof found !== "function") {
    const came = found === undefined ? "nothing" : `a ${typeof found}`;
    throw new NoToken(
      "no_token_provider",
      `token-provider: expected the name of a function, "window.${name}" is ${came}`,
    );
  }
  return (why) => Reflect.apply(found, owner, [why]);
}

/**
 * The provider with its result validated; what it throws becomes a `NoToken`.
 *
 * @param failed called with the reason when there is no token
 */
export function checked(
  provider: TokenProvider,
  failed: (problem: NoToken) => void,
): (why: { renew: boolean }) => Promise<string> {
  return async (why) => {
    try {
      return tokenIn(await provider(why));
    } catch (cause) {
      const problem =
        cause instanceof NoToken
          ? cause
          : new NoToken("token_provider_failed", `the token provider failed: ${cause}`, cause);
      failed(problem);
      throw problem;
    }
  };
}

function tokenIn(given: unknown): string {
  if (given === null || typeof given === "string") return given ?? "";
  throw new NoToken(
    "token_provider_failed",
    `the token provider gave a value of type ${typeof given}, expected a token (a JWT) or null`,
  );
}

/**
 * Sign-in at an OpenID Connect provider: authorization code flow with PKCE, as a public client.
 *
 * `sessionStorage` holds state, nonce and verifier during the redirect. Tokens are in memory only,
 * so a reload redirects to the provider again, silently (`prompt=none`) if somebody was signed in
 * in this browser.
 */
import { type Claims, claimsOf } from "@threadcast/client/request";
import type { OidcFacts } from "../../page_facts.ts";
import { type Credential, PROVIDER, reach, SignedOut, Unreachable } from "./credential.ts";
import { challengeOf, unguessable } from "./pkce.ts";

/** The `localStorage` key of the mark that somebody is signed in; it holds no identity. */
export const SIGNED_IN_KEY = "threadcast.oidc_signed_in";
/** The mark's value for a moment on sign-out, which tells the other tabs. */
export const SIGNED_OUT = "no";
const ATTEMPT_KEY = "threadcast.oidc_attempt";
const NOT_SIGNED_IN = new Set(["login_required", "interaction_required", "consent_required"]);

interface Provider {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly end_session_endpoint?: string;
}

interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** The URL's fragment before the redirect. */
  readonly hash: string;
}

interface Tokens {
  readonly access: string;
  readonly refresh: string | null;
}

/** Whether to try a silent sign-in when the page loads. */
export function wasSignedIn(): boolean {
  return localStorage.getItem(SIGNED_IN_KEY) !== null;
}

/** Redirect to the provider. If `silent`, it redirects back without asking, signed in or not. */
export async function leaveToSignIn(facts: OidcFacts, page: URL, { silent = false } = {}) {
  const provider = await discover(facts.issuer);
  const attempt: Attempt = {
    state: unguessable(),
    nonce: unguessable(),
    verifier: unguessable(),
    hash: location.hash,
  };
  const url = new URL(provider.authorization_endpoint);
  const query = {
    response_type: "code",
    client_id: facts.client_id,
    redirect_uri: page.href,
    scope: facts.scope,
    state: attempt.state,
    nonce: attempt.nonce,
    code_challenge: await challengeOf(attempt.verifier),
    code_challenge_method: "S256",
    ...(silent ? { prompt: "none" } : {}),
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  sessionStorage.setItem(ATTEMPT_KEY, JSON.stringify(attempt));
  location.assign(url);
}

/**
 * Complete a sign-in after the redirect back; null if the page was not loaded by one.
 *
 * Removes the response from the URL at once.
 *
 * @throws SignedOut the provider refused, or the response is not for this sign-in
 */
export async function comeBack(facts: OidcFacts, page: URL): Promise<Credential | null> {
  const query = new URLSearchParams(location.search);
  if (!query.has("code") && !query.has("error")) return null;
  const kept = sessionStorage.getItem(ATTEMPT_KEY);
  sessionStorage.removeItem(ATTEMPT_KEY);
  const attempt: Attempt | null = kept === null ? null : JSON.parse(kept);
  history.replaceState(null, "", location.pathname + (attempt?.hash ?? ""));
  if (attempt === null || query.get("state") !== attempt.state) {
    throw new SignedOut("This sign-in was not started here. Please sign in again.");
  }
  if ((query.get("iss") ?? facts.issuer) !== facts.issuer) {
    throw new SignedOut("The response is not from the expected provider. Please sign in again.");
  }
  const code = query.get("code");
  if (code === null) throw refused(query);
  return exchange(facts, { page, code, attempt });
}

function refused(query: URLSearchParams): SignedOut {
  const error = query.get("error") ?? "";
  if (NOT_SIGNED_IN.has(error)) {
    // Other tabs keep their tokens, which outlive the provider's session: do not tell them.
    localStorage.removeItem(SIGNED_IN_KEY);
    return new SignedOut("Please sign in.");
  }
  const words = query.get("error_description") ?? error;
  return new SignedOut(`The provider did not sign you in: ${words.slice(0, 200)}`);
}

async function exchange(
  facts: OidcFacts,
  { page, code, attempt }: { page: URL; code: string; attempt: Attempt },
): Promise<Credential> {
  const provider = await discover(facts.issuer);
  const answer = await grant(provider, {
    grant_type: "authorization_code",
    code,
    redirect_uri: page.href,
    client_id: facts.client_id,
    code_verifier: attempt.verifier,
  });
  const claims = claimsOf(String(answer.id_token));
  checkClaims(claims, facts, attempt.nonce);
  localStorage.setItem(SIGNED_IN_KEY, "yes");
  const first = tokensOf(answer, null);
  return { name: nameIn(claims), ...credentialOf(facts, { page, provider, first }) };
}

/** An ID token straight from the token endpoint over TLS needs no signature check (OIDC 3.1.3.7). */
function checkClaims(claims: Claims, facts: OidcFacts, nonce: string) {
  const isOurs = [claims.aud].flat().includes(facts.client_id);
  if (claims.iss !== facts.issuer || !isOurs || claims.nonce !== nonce) {
    throw new SignedOut("The provider's response is not for this sign-in. Please sign in again.");
  }
}

/** The display name: `sub` is often a number or a UUID. */
function nameIn({ name, preferred_username, email }: Claims): string | undefined {
  const isName = (one: unknown): one is string => typeof one === "string" && one !== "";
  return [name, preferred_username, email].find(isName);
}

function credentialOf(
  facts: OidcFacts,
  { page, provider, first }: { page: URL; provider: Provider; first: Tokens },
): Credential {
  let tokens = first;
  async function renew() {
    if (tokens.refresh === null) throw new SignedOut("Your sign-in has expired.");
    const answer = await grant(provider, {
      grant_type: "refresh_token",
      refresh_token: tokens.refresh,
      client_id: facts.client_id,
    });
    tokens = tokensOf(answer, tokens.refresh);
  }
  return {
    async token(why) {
      if (why.renew) await renew();
      return tokens.access;
    },
    async end({ everywhere }) {
      tokens = { access: "", refresh: null };
      if (!everywhere) return;
      localStorage.setItem(SIGNED_IN_KEY, SIGNED_OUT);
      localStorage.removeItem(SIGNED_IN_KEY);
      if (provider.end_session_endpoint === undefined) return;
      const url = new URL(provider.end_session_endpoint);
      url.searchParams.set("client_id", facts.client_id);
      url.searchParams.set("post_logout_redirect_uri", page.href);
      location.assign(url);
    },
  };
}

function tokensOf(answer: Record<string, unknown>, refresh: string | null): Tokens {
  if (typeof answer.access_token !== "string") {
    throw new SignedOut("The provider returned no access token. Please sign in again.");
  }
  const given = answer.refresh_token;
  return { access: answer.access_token, refresh: typeof given === "string" ? given : refresh };
}

async function grant(provider: Provider, fields: Record<string, string>) {
  const asked = { method: "POST", body: new URLSearchParams(fields), credentials: "omit" } as const;
  const answer = reach<Record<string, unknown>>(PROVIDER, provider.token_endpoint, asked);
  return answer.catch((error) => {
    if (error instanceof Unreachable) throw error;
    throw new SignedOut("Your sign-in has expired. Please sign in again.");
  });
}

async function discover(issuer: string): Promise<Provider> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const asked = reach<Provider | null>(PROVIDER, url, { credentials: "omit" });
  const provider = await asked.catch((error) => {
    if (error instanceof Unreachable) throw error;
    return null;
  });
  if (provider?.issuer !== issuer) {
    throw new Unreachable("The sign-in provider's configuration is not valid.");
  }
  return provider;
}

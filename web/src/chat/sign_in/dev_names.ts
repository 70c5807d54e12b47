/**
 * Sign-in by name on a development server. Only the name is kept; tokens are minted when needed.
 *
 * A new tab signs in by the name that this browser used last. A signed-in tab keeps its own name,
 * over reloads too, so that another tab cannot change its user. Signing out ends all tabs.
 */
import { type Credential, reach, SERVER, SignedOut } from "./credential.ts";

/** The key of the name; removed from `localStorage` on sign-out. */
export const NAME_KEY = "threadcast.development_name";

export async function signInAs(base: URL, name: string): Promise<Credential> {
  const token = await mint(base, name);
  localStorage.setItem(NAME_KEY, name);
  return begin(base, name, token);
}

/**
 * Sign in by the remembered name; null if there is none.
 *
 * @throws SignedOut the server refused it, or the person signed out meanwhile
 */
export async function signInAgain(base: URL): Promise<Credential | null> {
  const name = rememberedName();
  if (name === null) return null;
  const token = await mint(base, name);
  if (rememberedName() !== name) throw new SignedOut("Please sign in again.");
  return begin(base, name, token);
}

function rememberedName(): string | null {
  const latest = localStorage.getItem(NAME_KEY);
  return latest === null ? null : (sessionStorage.getItem(NAME_KEY) ?? latest);
}

function begin(base: URL, name: string, first: string): Credential {
  let token = first;
  sessionStorage.setItem(NAME_KEY, name);
  return {
    async token(why) {
      if (why.renew) token = await mint(base, name);
      return token;
    },
    async end({ everywhere }) {
      sessionStorage.removeItem(NAME_KEY);
      if (everywhere) localStorage.removeItem(NAME_KEY);
    },
  };
}

async function mint(base: URL, user: string): Promise<string> {
  const asked = { method: "POST", json: { user } };
  return (await reach<{ token: string }>(SERVER, new URL("dev/token", base), asked)).token;
}

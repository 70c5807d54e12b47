/**
 * Who is signed in to this page, by whichever way the server offers.
 *
 * The signal `now` has the credential, or the reason why there is none.
 */
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { PageFacts } from "../../page_facts.ts";
import { clearAddress } from "../address.ts";
import { forgetUnsent } from "../conversation/unsent_texts.ts";
import { type Credential, SignedOut, Unreachable } from "./credential.ts";
import * as devNames from "./dev_names.ts";
import { handedToken, isFramed, typedToken } from "./given_token.ts";
import * as oidc from "./oidc.ts";

/** `beginning`: not known yet. */
type SignedIn =
  | { readonly phase: "beginning" }
  | { readonly phase: "in"; readonly credential: Credential }
  | { readonly phase: "out"; readonly reason: string };

export type Method = "name" | "provider" | "token" | "frame";

const OUT_ELSEWHERE = "You signed out in another tab.";

export class Session {
  readonly facts: PageFacts;
  readonly #now: Signal<SignedIn> = signal({ phase: "beginning" });

  constructor(facts: PageFacts) {
    this.facts = facts;
    addEventListener("storage", ({ key, newValue, storageArea }) => {
      const out = this.#signOutMark;
      if (storageArea !== localStorage || out === null) return;
      // A null key means that the whole storage was cleared.
      if (key === null || (key === out.key && newValue === out.value)) this.#endedElsewhere();
    });
  }

  get now(): ReadonlySignal<SignedIn> {
    return this.#now;
  }

  get method(): Method {
    const { dev, oidc: provider, embedding } = this.facts;
    if (isFramed() && embedding.length > 0) return "frame";
    if (provider !== null) return "provider";
    return dev ? "name" : "token";
  }

  /** Sign in silently, if possible. */
  async begin() {
    await this.#attempt(() => this.#beginQuietly());
  }

  signInAs(name: string) {
    return this.#attempt(() => devNames.signInAs(this.facts.base, name));
  }

  signInWith(token: string) {
    return this.#attempt(async () => typedToken(token));
  }

  /** Redirects to the provider. */
  signInAtProvider() {
    const { oidc: provider, base } = this.facts;
    if (provider === null) return Promise.resolve();
    return this.#attempt(async () => {
      await oidc.leaveToSignIn(provider, base);
      return null;
    });
  }

  /** The person signs out: here, in the other tabs of this browser, and at the provider. */
  async signOut() {
    const now = this.#now.peek();
    forgetPlace();
    this.#now.value = { phase: "out", reason: "" };
    if (now.phase === "in") await now.credential.end({ everywhere: true });
  }

  /** The server no longer accepts the credential. */
  ended(reason: string) {
    if (this.#now.peek().phase === "in") this.#now.value = { phase: "out", reason };
  }

  /** How another tab's sign-out shows in `localStorage`; null if each tab signs out alone. */
  get #signOutMark(): { key: string; value: string | null } | null {
    switch (this.method) {
      case "name":
        return { key: devNames.NAME_KEY, value: null };
      case "provider":
        return { key: oidc.SIGNED_IN_KEY, value: oidc.SIGNED_OUT };
      default:
        return null;
    }
  }

  #endedElsewhere() {
    const now = this.#now.peek();
    const reason = now.phase === "in" ? OUT_ELSEWHERE : "";
    forgetPlace();
    this.#now.value = { phase: "out", reason };
    if (now.phase === "in") now.credential.end({ everywhere: false });
  }

  async #beginQuietly(): Promise<Credential | null> {
    const { base, oidc: provider, embedding } = this.facts;
    switch (this.method) {
      case "name":
        return devNames.signInAgain(base);
      case "frame":
        return handedToken(embedding);
      case "provider": {
        if (provider === null) return null;
        const back = await oidc.comeBack(provider, base);
        if (back !== null || !oidc.wasSignedIn()) return back;
        await oidc.leaveToSignIn(provider, base, { silent: true });
        return new Promise(() => {}); // the page is unloading
      }
      case "token":
        return null;
    }
  }

  async #attempt(signIn: () => Promise<Credential | null>) {
    try {
      const credential = await signIn();
      if (credential !== null) this.#now.value = { phase: "in", credential };
      else this.#now.value = { phase: "out", reason: "" };
    } catch (error) {
      if (!(error instanceof SignedOut || error instanceof Unreachable)) throw error;
      this.#now.value = { phase: "out", reason: error.message };
    }
  }
}

/** On sign-out, remove the open thread and unsent texts from the tab. */
function forgetPlace() {
  clearAddress();
  forgetUnsent();
}

/**
 * Who is signed in at this page, by whichever way the server offers.
 *
 * There is a credential, or there is none and perhaps a reason why: `now` is the signal that says so.
 */
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { clearAddress } from "../address.ts";
import { forgetDrafts } from "../conversation/drafts.ts";
import type { PageFacts } from "../page_facts.ts";
import * as devNames from "./dev_names.ts";
import { handedToken, isFramed, typedToken } from "./given_token.ts";
import * as oidc from "./oidc.ts";
import { type Credential, SignedOut, Unreachable } from "./ways.ts";

/** `beginning`: it is not yet known whether somebody is. */
type SignedIn =
  | { readonly phase: "beginning" }
  | { readonly phase: "in"; readonly credential: Credential }
  | { readonly phase: "out"; readonly reason: string };

export type Way = "name" | "provider" | "token" | "frame";

const OUT_ELSEWHERE = "You signed out in another tab.";

export class Session {
  readonly facts: PageFacts;
  readonly #now: Signal<SignedIn> = signal({ phase: "beginning" });

  constructor(facts: PageFacts) {
    this.facts = facts;
    addEventListener("storage", ({ key, newValue, storageArea }) => {
      if (storageArea !== localStorage || newValue !== null || this.#keptAs === null) return;
      if (key === this.#keptAs || key === null) this.#endedElsewhere();
    });
  }

  get now(): ReadonlySignal<SignedIn> {
    return this.#now;
  }

  get way(): Way {
    const { dev, oidc: provider, embedding } = this.facts;
    if (isFramed() && embedding.length > 0) return "frame";
    if (provider !== null) return "provider";
    return dev ? "name" : "token";
  }

  /** Sign in without a question, if that is possible. */
  async begin() {
    await this.#attempt(() => this.#beginQuietly());
  }

  signInAs(name: string) {
    return this.#attempt(() => devNames.signInAs(this.facts.base, name));
  }

  signInWith(token: string) {
    return this.#attempt(async () => typedToken(token));
  }

  /** Leaves the page. */
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

  /** The server does not take the credential any more. */
  ended(reason: string) {
    if (this.#now.peek().phase === "in") this.#now.value = { phase: "out", reason };
  }

  get #keptAs(): string | null {
    return { name: devNames.NAME_KEY, provider: oidc.SIGNED_IN_KEY, token: null, frame: null }[
      this.way
    ];
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
    switch (this.way) {
      case "name":
        return devNames.signInAgain(base);
      case "frame":
        return handedToken(embedding);
      case "provider": {
        if (provider === null) return null;
        const back = await oidc.comeBack(provider, base);
        if (back !== null || !oidc.wasSignedIn()) return back;
        await oidc.leaveToSignIn(provider, base, { silent: true });
        return new Promise(() => {}); // the page is being left
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

/** Somebody signs out: neither where they were nor what they were writing stays in the tab. */
function forgetPlace() {
  clearAddress();
  forgetDrafts();
}

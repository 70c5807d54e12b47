/** Sign-in as the server offers it: by name, at a provider, by token, or by the embedding page. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Mark } from "../../design/icons.tsx";
import type { Method, Session } from "./session.ts";
import "./sign_in.css";

const NAMES = ["ada", "grace", "alan"];
const NAME_MAX_CHARACTERS = 128;

export function SignIn({ session, reason }: { session: Session; reason: string }) {
  const place = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    document.title = "Sign in · Threadcast";
    place.current?.querySelector<HTMLElement>("input, .primary")?.focus();
  }, []);
  const Offer = OFFERS[session.method];
  return (
    <div class="sign-in-page">
      <main class="sign-in" ref={place}>
        <h1>
          <Mark size={36} />
          Threadcast
        </h1>
        <Offer session={session} />
        <p class="problem" role="alert">
          {reason}
        </p>
      </main>
      <footer class="hint">
        <a href="docs">API reference</a>
        {session.facts.console && <a href="console">Console</a>}
      </footer>
    </div>
  );
}

const OFFERS: Record<Method, (props: { session: Session }) => ComponentChildren> = {
  name: ByName,
  provider: AtProvider,
  token: ByToken,
  frame: Framed,
};

function ByName({ session }: { session: Session }) {
  return (
    <>
      <p>This is a development server: sign in by any name, without a password.</p>
      <OneFieldForm label="Name" onSubmit={(name) => session.signInAs(name)} />
      <p class="names">
        or as
        {NAMES.map((name) => (
          <button
            key={name}
            type="button"
            class="button small"
            onClick={() => session.signInAs(name)}
          >
            {name}
          </button>
        ))}
      </p>
    </>
  );
}

function AtProvider({ session }: { session: Session }) {
  const { host } = new URL(session.facts.oidc?.issuer ?? location.href);
  return (
    <>
      <p>You sign in at {host} and come back here.</p>
      <button type="button" class="button primary wide" onClick={() => session.signInAtProvider()}>
        Sign in
      </button>
    </>
  );
}

function ByToken({ session }: { session: Session }) {
  return (
    <>
      <p>
        Sign in with a token from your identity provider. It is kept in memory until you close or
        reload this page.
      </p>
      <OneFieldForm label="Token (JWT)" secret onSubmit={(token) => session.signInWith(token)} />
    </>
  );
}

function Framed({ session }: { session: Session }) {
  return (
    <>
      <p>The page that embeds this one signs you in.</p>
      <button type="button" class="button primary wide" onClick={() => session.begin()}>
        Try again
      </button>
    </>
  );
}

const NAME_INPUT = {
  class: "input",
  type: "text",
  maxLength: NAME_MAX_CHARACTERS,
  autoComplete: "off",
  autoCapitalize: "none",
  spellcheck: false,
} as const;
const SECRET_INPUT = { class: "input", type: "password", autoComplete: "off" } as const;

interface OneFieldProps {
  label: string;
  secret?: boolean;
  onSubmit: (text: string) => void;
}

function OneFieldForm({ label, secret = false, onSubmit }: OneFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const text = field.current?.value.trim() ?? "";
        if (text !== "") onSubmit(text);
      }}
    >
      <label class="field">
        <span class="label">{label}</span>
        <input ref={field} required {...(secret ? SECRET_INPUT : NAME_INPUT)} />
      </label>
      <button type="submit" class="button primary wide">
        Sign in
      </button>
    </form>
  );
}

/**
 * `<threadcast-chat>`: a chat in another page.
 *
 * It is connected while it is in a document. A change of `src` or of the token provider starts it
 * over.
 */
import { type Signal, signal } from "@preact/signals";
import type { ThreadcastChatElement, TokenProvider } from "@threadcast/client/element";
import { render } from "preact";
import { BadAddress, serverAddress } from "./address.ts";
import { ElementChat } from "./element_chat.ts";
import { type Dispatch, dispatcherOf } from "./events.ts";
import { Frame, Notice } from "./frame.tsx";
import { styles } from "./styles.ts";
import { NoToken, namedProvider } from "./token_provider.ts";

const SCRIPT = import.meta.url;

export class ThreadcastChat extends HTMLElement implements ThreadcastChatElement {
  static readonly observedAttributes = ["src", "token-provider", "thread", "threads", "agent"];

  readonly #dispatch: Dispatch = dispatcherOf(this);
  readonly #agent: Signal<string | null> = signal(null);
  readonly #hasThreads = signal(false);
  #place: HTMLElement | null = null;
  #provider: TokenProvider | null = null;
  #suggestions: readonly string[] = [];
  #chat: ElementChat | null = null;
  #isDue = false;
  #isStale = false;
  #isWaiting = false;

  get tokenProvider(): TokenProvider | null {
    return this.#provider;
  }

  set tokenProvider(provider: TokenProvider | null) {
    this.#provider = provider;
    this.#changed({ anew: true });
  }

  get thread(): string | null {
    return this.#chat === null ? this.getAttribute("thread") : this.#chat.model.openThreadId.peek();
  }

  set thread(id: string | null) {
    if (this.#chat !== null) this.#chat.model.open(id || null);
    else if (id) this.setAttribute("thread", id);
    else this.removeAttribute("thread");
  }

  get suggestions(): readonly string[] {
    return this.#suggestions;
  }

  set suggestions(texts: readonly string[]) {
    this.#suggestions = texts.map(String);
    this.#changed({ anew: true });
  }

  send(content: string) {
    if (this.#chat === null) throw new Error("threadcast-chat: there is no chat to send it to");
    const agent = this.#agent.peek();
    this.#chat.model.send(content, agent === null ? {} : { agent });
  }

  signOut() {
    this.#chat?.signOut();
  }

  connectedCallback() {
    for (const name of ["tokenProvider", "thread", "suggestions"] as const) this.#takeEarly(name);
    this.#changed({ anew: false });
  }

  disconnectedCallback() {
    this.#changed({ anew: false });
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null) {
    if (name === "agent") this.#agent.value = now;
    else if (name === "threads") this.#hasThreads.value = now !== null;
    else if (before === now) return;
    else if (name === "thread") this.#chat?.model.open(now || null);
    else this.#changed({ anew: true });
  }

  /** A property that was set before the element was defined shadows the accessor of the class. */
  #takeEarly(name: "tokenProvider" | "thread" | "suggestions") {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    Object.assign(this, { [name]: value });
  }

  /** Deferred, so that several changes restart it once, and moving it in the document not at all. */
  #changed({ anew }: { anew: boolean }) {
    this.#isStale ||= anew;
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.#isStale || !this.isConnected) this.#end();
      if (this.isConnected && this.#chat === null) this.#begin();
    });
  }

  #begin() {
    this.#isStale = false;
    const place = this.#ownPlace();
    try {
      const chat = new ElementChat({
        server: serverAddress(this.getAttribute("src"), document.baseURI, SCRIPT),
        provider: this.#provider ?? this.#named(),
        suggestions: this.#suggestions,
        dispatch: this.#dispatch,
      });
      this.#chat = chat;
      render(<Frame chat={chat} agent={this.#agent} hasThreads={this.#hasThreads} />, place);
      chat.start(this.getAttribute("thread") || null);
    } catch (problem) {
      if (!(problem instanceof BadAddress || problem instanceof NoToken)) throw problem;
      if (problem instanceof NoToken && document.readyState !== "complete") this.#waitForThePage();
      else this.#refuse(problem);
    }
  }

  /** A script that has not run yet may define the function. */
  #waitForThePage() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const again = () => this.#changed({ anew: false });
    document.addEventListener("DOMContentLoaded", again, { once: true });
    window.addEventListener("load", again, { once: true });
  }

  #refuse(problem: BadAddress | NoToken) {
    const code = problem instanceof NoToken ? problem.code : "bad_address";
    const { message } = problem;
    console.error(`threadcast-chat: ${message}`);
    render(<Notice text={`This chat is not set up: ${message}`} />, this.#ownPlace());
    this.#dispatch("threadcast-error", { code, message, final: true });
  }

  #named(): TokenProvider {
    const name = this.getAttribute("token-provider");
    if (name !== null) return namedProvider(name, window);
    throw new NoToken(
      "no_token_provider",
      'set the attribute "token-provider" to the name of a function, or the property "tokenProvider"',
    );
  }

  #end() {
    this.#chat?.close();
    this.#chat = null;
    if (this.#place !== null) render(null, this.#place);
  }

  #ownPlace(): HTMLElement {
    if (this.#place === null) {
      const root = this.shadowRoot ?? this.attachShadow({ mode: "open", delegatesFocus: true });
      root.adoptedStyleSheets = [styles()];
      this.#place = document.createElement("div");
      this.#place.className = "chat-element";
      root.append(this.#place);
    }
    return this.#place;
  }
}

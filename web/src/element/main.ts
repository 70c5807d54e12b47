/** What a page of others loads: it defines `<threadcast-chat>`, once. */
import { ThreadcastChat } from "./threadcast_chat.tsx";

const NAME = "threadcast-chat";

if (customElements.get(NAME) === undefined) customElements.define(NAME, ThreadcastChat);

declare global {
  interface HTMLElementTagNameMap {
    "threadcast-chat": ThreadcastChat;
  }
}

export type { Happenings } from "./happenings.ts";
export type { TokenProvider } from "./token_provider.ts";
export { ThreadcastChat };

/** What a page of others loads: it defines `<threadcast-chat>`, once. */
import { ThreadcastChat } from "./threadcast_chat.tsx";

const NAME = "threadcast-chat";

if (customElements.get(NAME) === undefined) customElements.define(NAME, ThreadcastChat);

export { ThreadcastChat };

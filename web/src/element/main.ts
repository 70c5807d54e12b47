/** The script that embedding pages load: defines `<threadcast-chat>`, once. */
import { ThreadcastChat } from "./threadcast_chat.tsx";

const NAME = "threadcast-chat";

if (customElements.get(NAME) === undefined) customElements.define(NAME, ThreadcastChat);

export { ThreadcastChat };

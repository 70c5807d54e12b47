/** The chat page's entry point. */
import { render } from "preact";
import { followTheme } from "../design/theme.ts";
import "../design/design.css";
import { App } from "./app.tsx";
import "./conversation/conversation.css";
import { readPageFacts } from "../page_facts.ts";
import { SessionModel } from "./session_model.ts";
import { Session } from "./sign_in/session.ts";

const place = document.getElementById("app");
if (place === null) throw new Error("the document has no #app");
followTheme();
const session = new Session(readPageFacts());
const owner = new SessionModel(session);
session.begin();
render(<App owner={owner} />, place);

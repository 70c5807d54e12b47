/** The chat page: finds its place in the document and starts. */
import { render } from "preact";
import { App } from "./app.tsx";

const place = document.getElementById("app");
if (place === null) throw new Error("the document has no #app");
render(<App />, place);

/** The operator's console: finds its place in the document and starts. */
import { render } from "preact";
import { Console } from "./console.tsx";

const place = document.getElementById("app");
if (place === null) throw new Error("the document has no #app");
render(<Console />, place);

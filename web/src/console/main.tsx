/** The console's entry point. */
import { render } from "preact";
import "../design/design.css";
import { followTheme } from "../design/theme.ts";
import { Console } from "./console.tsx";
import "./console.css";
import { followServer } from "./live.ts";
import { followAddress } from "./route.ts";

const place = document.getElementById("app");
if (place === null) throw new Error("the document has no #app");
followTheme();
followAddress();
followServer();
render(<Console />, place);

/** The element's styles, as one constructed style sheet that all elements of a page share. */
import "../design/design.css";
import "../chat/conversation/conversation.css";
import "./element.css";

/** Replaced by `build/styles_inside.ts` with the style sheets that the element's modules import. */
declare const __STYLES__: string;

let sheet: CSSStyleSheet | null = null;

/** A constructed style sheet works under any Content-Security-Policy. */
export function styles(): CSSStyleSheet {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(__STYLES__);
  }
  return sheet;
}

/** The element's look, as one style sheet that all elements of a page share. */
import "../design/design.css";
import "../chat/conversation/conversation.css";
import "./element.css";

/** Put in by `build/styles_inside.ts`: all of the style sheets that the element's modules import. */
declare const __STYLES__: string;

let sheet: CSSStyleSheet | null = null;

/** A sheet that was constructed needs no permission of the page's policy. */
export function styles(): CSSStyleSheet {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(__STYLES__);
  }
  return sheet;
}

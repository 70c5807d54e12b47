/** `<threadcast-chat>`: what a page of others loads. */
import "../design/design.css";

declare const __STYLES__: string;

const sheet = new CSSStyleSheet();
sheet.replaceSync(__STYLES__);

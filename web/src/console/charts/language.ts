/**
 * Makes sure that the browser's language is one, before the charts are loaded: uPlot asks for its
 * numbers at once, and browsers of a system without a locale name `C` or `en-US@posix`.
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en" });
}

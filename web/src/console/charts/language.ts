/**
 * Makes sure that `navigator.language` is a valid language tag: uPlot formats a number with it when
 * loaded, and on a system without a locale it is `C` or `en-US@posix`.
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en" });
}

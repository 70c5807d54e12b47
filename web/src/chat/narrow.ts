/** Whether the viewport is so narrow that the list of threads is a drawer over the page. */
import { signal } from "@preact/signals";

const query = matchMedia("(width < 800px)");

export const narrow = signal(query.matches);

query.addEventListener("change", () => {
  narrow.value = query.matches;
});

/** Whether the screen is so narrow that the list of threads has to lie over the page. */
import { signal } from "@preact/signals";

const query = matchMedia("(width < 800px)");

export const narrow = signal(query.matches);

query.addEventListener("change", () => {
  narrow.value = query.matches;
});

/** Changes whenever colours change, so that what is drawn on a canvas can be drawn again. */
import { computed, signal } from "@preact/signals";
import { theme } from "../../design/theme.ts";

const dark = matchMedia("(prefers-color-scheme: dark)");
const system = signal(dark.matches);
dark.addEventListener("change", () => {
  system.value = dark.matches;
});

export const look = computed(() => `${theme.value} ${system.value}`);

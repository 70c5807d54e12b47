/** Which colours hold now, so that what is drawn on a canvas can be drawn again in others. */
import { computed, signal } from "@preact/signals";
import { theme } from "../design/theme.ts";

const dark = matchMedia("(prefers-color-scheme: dark)");
const system = signal(dark.matches);
dark.addEventListener("change", () => {
  system.value = dark.matches;
});

/** Whether colours are the dark ones now. */
export const isDark = computed(() =>
  theme.value === "system" ? system.value : theme.value === "dark",
);

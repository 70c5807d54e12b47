/** Whether dark mode is on, for what CSS does not reach: canvases. */
import { computed, signal } from "@preact/signals";
import { theme } from "../design/theme.ts";

const dark = matchMedia("(prefers-color-scheme: dark)");
const system = signal(dark.matches);
dark.addEventListener("change", () => {
  system.value = dark.matches;
});

/** Whether dark mode is on. */
export const isDark = computed(() =>
  theme.value === "system" ? system.value : theme.value === "dark",
);

/** The theme: light, dark or the system's; kept in this browser. */
import { effect, signal } from "@preact/signals";

const KEY = "threadcast.theme";

export type Theme = "system" | "light" | "dark";

function read(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export const theme = signal<Theme>("system");

/** Apply the kept theme, and follow changes of `theme` and of other tabs from now on. */
export function followTheme() {
  theme.value = read();
  addEventListener("storage", ({ key }) => {
    if (key === KEY || key === null) theme.value = read();
  });
  effect(() => {
    if (theme.value === "system") {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem(KEY);
    } else {
      document.documentElement.dataset.theme = theme.value;
      localStorage.setItem(KEY, theme.value);
    }
  });
}

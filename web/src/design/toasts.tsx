/** Toasts: short messages that disappear by themselves, some with an action. */
import { type Signal, signal } from "@preact/signals";
import { IconButton } from "./icon_button.tsx";

const SHOWN_MS = 6_000;
const TOASTS_MAX = 4;

interface Toast {
  readonly text: string;
  readonly kind: "plain" | "bad";
  readonly action: { readonly label: string; readonly act: () => void } | null;
}

type ToastFields = Partial<Omit<Toast, "text">> & { shownMs?: number };

export class Toasts {
  readonly shown: Signal<readonly Toast[]> = signal([]);

  /** Show a toast; the oldest of too many disappears. Returns a function that removes it early. */
  show(text: string, { kind = "plain", action = null, shownMs = SHOWN_MS }: ToastFields = {}) {
    const toast = { text, kind, action };
    const drop = () => this.drop(toast);
    this.shown.value = [...this.shown.peek(), toast].slice(-TOASTS_MAX);
    setTimeout(drop, shownMs);
    return drop;
  }

  /** Remove a toast, if it is still shown. */
  drop(toast: Toast) {
    this.shown.value = this.shown.peek().filter((one) => one !== toast);
  }

  clear() {
    this.shown.value = [];
  }
}

export function ToastList({ toasts }: { toasts: Toasts }) {
  return (
    <div role="status" aria-live="polite">
      <ul class="toasts">
        {toasts.shown.value.map((toast) => (
          <li key={toast} class={toast.kind === "bad" ? "toast bad" : "toast"}>
            <span dir="auto">{toast.text}</span>
            {toast.action !== null && (
              <button
                type="button"
                class="button small"
                onClick={() => {
                  toasts.drop(toast);
                  toast.action?.act();
                }}
              >
                {toast.action.label}
              </button>
            )}
            <IconButton
              class="small"
              icon="close"
              label="Dismiss"
              onClick={() => toasts.drop(toast)}
            />
          </li>
        ))}
      </ul>
    </div>
  );
}

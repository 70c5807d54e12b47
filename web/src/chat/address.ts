/** The open thread is in the URL's fragment, so that links, reloads and the back button work. */
import { effect } from "@preact/signals";
import type { ChatModel } from "./model.ts";

const THREAD = /^#(thread_[a-z0-9_]{1,125})$/;

function threadInAddress(): string | null {
  return THREAD.exec(location.hash)?.[1] ?? null;
}

/** Keep the open thread and the URL in sync until the returned function is called. */
export function followAddress(model: ChatModel): () => void {
  model.open(threadInAddress());
  const hear = () => {
    const id = threadInAddress();
    if (id !== model.openThreadId.peek() || id === null) model.open(id);
  };
  addEventListener("popstate", hear);
  const stop = effect(() => {
    const id = model.openThreadId.value;
    if (id !== threadInAddress()) {
      history.pushState(null, "", id === null ? location.pathname : `#${id}`);
    }
  });
  return () => {
    stop();
    removeEventListener("popstate", hear);
  };
}

/** Remove the thread from the URL when its user signs out. */
export function clearAddress() {
  if (location.hash !== "") history.replaceState(null, "", location.pathname);
}

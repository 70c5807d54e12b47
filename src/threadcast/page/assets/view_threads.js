/** The list of threads, and the open one's title. */

import { h, setChildren, setText } from "./dom.js";
import { isRunning, threadsInOrder, titleOf } from "./state.js";

/** @param actions `{ olderThreads(), seen(id) }`: `seen` once for each thread that came into sight */
export function threadListView(place, actions) {
  const older = h("button", { class: "quiet", type: "button", onclick: actions.olderThreads },
    "Show older");
  const none = h("p", { class: "note" }, "Your conversations will be listed here.");
  const list = h("ul", { class: "threads" });
  const items = new Map();
  const sight = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      sight.unobserve(target);
      actions.seen(target.dataset.thread);
    }
  }, { root: place });
  place.append(list);

  function itemOf(id) {
    if (!items.has(id)) {
      items.set(id, threadItem(id));
      sight.observe(items.get(id).element);
    }
    return items.get(id);
  }

  return {
    update(state, openId) {
      const threads = threadsInOrder(state);
      const elements = threads.map((thread) => {
        const item = itemOf(thread.id);
        item.update(thread, thread.id === openId);
        return item.element;
      });
      for (const id of items.keys()) if (state.threads[id] === undefined) items.delete(id);
      setChildren(list, elements);
      const isEmpty = threads.length === 0 && state.seq !== null;
      setChildren(place, [list, isEmpty && none, state.olderThreads !== null && older]);
    },
  };
}

function threadItem(id) {
  const title = h("span", { class: "thread-title" });
  const running = h("span", { class: "running" }, h("span", { class: "unseen" }, "running"));
  const link = h("a", { href: `#${id}` }, title, running);
  return {
    element: h("li", { "data-thread": id }, link),
    update(thread, isOpen) {
      const text = titleOf(thread);
      setText(title, text);
      if (title.title !== text) title.title = text;
      running.hidden = !isRunning(thread);
      if (isOpen) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    },
  };
}

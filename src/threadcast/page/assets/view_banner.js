/** One quiet line about the connection, when there is something to say about it. */

import { h, setChildren, setText } from "./dom.js";

/** @param actions `{ reconnect() }` */
export function bannerView(place, actions) {
  const words = h("span");
  const button = h("button", { class: "quiet", type: "button", onclick: actions.reconnect });
  let timer = null;

  function show(status) {
    const { text, action, isSlow } = describe(status);
    place.hidden = text === "";
    place.classList.toggle("slow", isSlow === true);
    setText(words, text);
    setText(button, action ?? "");
    setChildren(place, [words, action !== undefined && button]);
  }

  return {
    update(status) {
      clearInterval(timer);
      show(status);
      if (status.phase === "waiting") timer = setInterval(() => show(status), 500);
    },
  };
}

/** `isSlow` is for what is usually over before it needs saying. */
function describe(status) {
  switch (status.phase) {
    case "connecting":
      return { text: status.attempt > 0 ? "Reconnecting…" : "Connecting…", isSlow: true };
    case "attaching":
      return { text: "Catching up…", isSlow: true };
    case "waiting": {
      const leftS = Math.ceil((status.untilMs - Date.now()) / 1000);
      const when = leftS > 1 ? `in ${leftS} s` : "now";
      const lost = navigator.onLine === false ? "You are offline." : "The connection was lost.";
      return { text: `${lost} Reconnecting ${when}.`, action: "Reconnect now" };
    }
    case "stopped":
      return { text: status.reason || "The connection has ended.", action: "Reconnect" };
    default:
      return { text: "" };
  }
}

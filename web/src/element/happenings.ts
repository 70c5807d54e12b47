/** How the element tells the page around it what happens. */
import type { ThreadcastChatEvents as Events } from "@threadcast/client/element";

export type Tell = <Name extends keyof Events>(name: Name, detail: Events[Name]) => void;

/** Tells by events that bubble, and that leave shadow trees around the element, too. */
export function tellerOf(target: EventTarget): Tell {
  return (name, detail) => {
    target.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  };
}

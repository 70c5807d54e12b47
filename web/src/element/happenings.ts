/** The element's events for the embedding page. */
import type { ThreadcastChatEvents as Events } from "@threadcast/client/element";

export type Tell = <Name extends keyof Events>(name: Name, detail: Events[Name]) => void;

/** Dispatches events that bubble and cross the boundaries of enclosing shadow trees. */
export function tellerOf(target: EventTarget): Tell {
  return (name, detail) => {
    target.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  };
}

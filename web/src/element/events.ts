/** The element's events for the embedding page. */
import type { ThreadcastChatEvents as Events } from "@threadcast/client/element";

export type Dispatch = <Name extends keyof Events>(name: Name, detail: Events[Name]) => void;

/** Dispatches events that bubble and cross the boundaries of enclosing shadow trees. */
export function dispatcherOf(target: EventTarget): Dispatch {
  return (name, detail) => {
    target.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  };
}

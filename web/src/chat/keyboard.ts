/** The page's keyboard shortcuts. Plain letters belong to a focused field or menu. */

export interface Shortcut {
  readonly keys: readonly string[];
  readonly does: string;
}

interface KeyActions {
  readonly startNew: () => void;
  readonly search: () => void;
  readonly rename: () => void;
  readonly archive: () => void;
  readonly help: () => void;
  readonly sidebar: () => void;
  readonly write: () => void;
  /** -1 for the thread above in the list, 1 for the one below. */
  readonly neighbour: (step: 1 | -1) => void;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ["n"], does: "New conversation" },
  { keys: ["/"], does: "Search conversations" },
  { keys: ["m"], does: "Write a message" },
  { keys: ["Alt", "↑"], does: "Previous conversation" },
  { keys: ["Alt", "↓"], does: "Next conversation" },
  { keys: ["↑", "↓"], does: "Move in the list" },
  { keys: ["F2"], does: "Rename the conversation" },
  { keys: ["a"], does: "Archive the conversation" },
  { keys: ["Del"], does: "Delete the focused conversation" },
  { keys: ["["], does: "Show or hide the list" },
  { keys: ["?"], does: "Keyboard shortcuts" },
];

/** Handle shortcuts until the returned function is called. */
export function followKeys(actions: KeyActions): () => void {
  const hear = (event: KeyboardEvent) => {
    const act = event.defaultPrevented ? null : actionOf(event, actions);
    if (act === null) return;
    event.preventDefault();
    act();
  };
  addEventListener("keydown", hear);
  return () => removeEventListener("keydown", hear);
}

function actionOf(event: KeyboardEvent, actions: KeyActions): (() => void) | null {
  if (event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return null;
  if (event.key === "F2") return actions.rename;
  if (event.altKey) {
    if (event.key === "ArrowUp") return () => actions.neighbour(-1);
    if (event.key === "ArrowDown") return () => actions.neighbour(1);
    return null;
  }
  if (isTaken(event.target)) return null;
  switch (event.key) {
    case "n":
      return actions.startNew;
    case "/":
      return actions.search;
    case "m":
      return actions.write;
    case "a":
      return actions.archive;
    case "[":
      return actions.sidebar;
    case "?":
      return actions.help;
    default:
      return null;
  }
}

/** Whether the focused element takes letters itself. */
function isTaken(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable || target.closest("input, textarea, select, [role=menu]") !== null
  );
}

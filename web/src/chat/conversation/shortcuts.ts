/** The keyboard shortcuts of a conversation, for the dialog that lists them. */
import type { Shortcut } from "../keyboard.ts";

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ["Enter"], does: "Send the message" },
  { keys: ["Shift", "Enter"], does: "New line" },
  { keys: ["↑"], does: "Last message, from an empty box" },
  { keys: ["j"], does: "Next message" },
  { keys: ["k"], does: "Previous message" },
  { keys: ["c"], does: "Copy the focused answer" },
  { keys: ["e"], does: "Edit the focused message and send it as a new one" },
  { keys: ["Esc"], does: "Back to the message box" },
];

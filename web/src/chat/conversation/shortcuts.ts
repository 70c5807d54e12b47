/** The keyboard shortcuts of a conversation, for the dialog that lists them. */
import type { Shortcut } from "../keyboard.ts";

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ["Enter"], does: "Send the message" },
  { keys: ["Shift", "Enter"], does: "Begin a new line" },
  { keys: ["↑"], does: "In an empty box: go to the last message" },
  { keys: ["j"], does: "Next message" },
  { keys: ["k"], does: "Previous message" },
  { keys: ["c"], does: "Copy the answer of the message one is at" },
  { keys: ["e"], does: "Edit the message one is at, and send it as a new one" },
  { keys: ["Esc"], does: "Back to the latest, and to writing" },
];

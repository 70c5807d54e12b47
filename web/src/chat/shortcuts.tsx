/** The dialog that lists the keyboard shortcuts. */
import { Dialog } from "../design/dialog.tsx";
import { SHORTCUTS as IN_CONVERSATION } from "./conversation/shortcuts.ts";
import { SHORTCUTS, type Shortcut } from "./keyboard.ts";
import "./shortcuts.css";

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <Keys of={SHORTCUTS} />
      <h3 class="shortcuts-title">In a conversation</h3>
      <Keys of={IN_CONVERSATION} />
    </Dialog>
  );
}

function Keys({ of }: { of: readonly Shortcut[] }) {
  return (
    <dl class="shortcuts">
      {of.map(({ keys, does }) => (
        <div key={does}>
          <dt>
            {keys.map((key) => (
              <kbd key={key} class="key">
                {key}
              </kbd>
            ))}
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}

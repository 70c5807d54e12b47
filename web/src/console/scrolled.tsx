/** A region that scrolls by itself, with the keyboard too. */
import type { ComponentChildren } from "preact";

interface Props {
  readonly label: string;
  readonly children: ComponentChildren;
}

export function Scrolled({ label, children }: Props) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: it is no set of fields
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
    <div class="scrolled" role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}

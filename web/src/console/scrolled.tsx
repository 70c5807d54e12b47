/** A scroll container that can be scrolled by keyboard. */
import type { ComponentChildren } from "preact";

interface Props {
  readonly label: string;
  readonly children: ComponentChildren;
}

export function Scrolled({ label, children }: Props) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form controls
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
    <div class="scrolled" role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}

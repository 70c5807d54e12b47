/**
 * Characters that turn the direction of what follows them. In code they can make it read otherwise
 * than it runs, so there they are shown by their numbers, and turn nothing. They can still be copied.
 */
import type { ComponentChildren } from "preact";

const TURN = /([\u202a-\u202e\u2066-\u2069])/;

/**
 * The text with each such character in a place of its own.
 *
 * @param plain what to show where there is none
 */
export function turnsShown(text: string, plain: ComponentChildren = text): ComponentChildren {
  const parts = text.split(TURN);
  if (parts.length === 1) return plain;
  return parts.map((part, index) =>
    // Every second part is what the text was split at.
    index % 2 === 0 ? (
      part
    ) : (
      <bdi class="turn" title="Turns the direction of text" data-name={nameOf(part)}>
        {part}
      </bdi>
    ),
  );
}

function nameOf(character: string): string {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/**
 * Makes bidirectional control characters in code visible. They can make code read otherwise than it
 * runs ("Trojan Source"), so each is shown as its code point and isolated. They are still copied.
 */
import type { ComponentChildren } from "preact";

const BIDI_CONTROL = /([\u202a-\u202e\u2066-\u2069])/;

/**
 * The text with each such character in an element of its own.
 *
 * @param plain what to render for a text without any
 */
export function withBidiShown(text: string, plain: ComponentChildren = text): ComponentChildren {
  const parts = text.split(BIDI_CONTROL);
  if (parts.length === 1) return plain;
  return parts.map((part, index) =>
    // Every second part is a separator, because the pattern captures it.
    index % 2 === 0 ? (
      part
    ) : (
      <bdi class="bidi" data-code={part.charCodeAt(0).toString(16)}>
        {part}
      </bdi>
    ),
  );
}

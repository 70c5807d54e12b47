/** A code block: its language, its highlighted text, and a copy button. */
import { Fragment } from "preact";
import { CopyButton } from "../copy_button.tsx";
import { withBidiShown } from "./bidi.tsx";
import { useHighlight } from "./highlight.tsx";
import { Words } from "./words.tsx";

const PIECE_CHARACTERS = 8_000;

interface Props {
  language: string;
  text: string;
  isOpen?: boolean;
  /** Shown instead of the language. */
  name?: string;
}

export function Code({ language, text, isOpen = false, name = language }: Props) {
  const { nodes, rest } = useHighlight(language, text, isOpen);
  return (
    <figure class="code">
      <figcaption>
        <span class="code-name">{name || "text"}</span>
        <CopyButton text={text} what="code" />
      </figcaption>
      <pre
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        tabIndex={0}
        dir="ltr"
      >
        <code>
          {nodes}
          {pieces(rest).map((piece, index) => (
            <Fragment key={index}>{withBidiShown(piece, <Words text={piece} />)}</Fragment>
          ))}
        </code>
      </pre>
    </figure>
  );
}

/** Splits a long text at line ends, so that only the last piece is laid out again as it grows. */
function pieces(text: string): string[] {
  if (text === "") return [];
  const found: string[] = [];
  let start = 0;
  while (text.length - start > PIECE_CHARACTERS) {
    const end = text.indexOf("\n", start + PIECE_CHARACTERS) + 1;
    if (end === 0) break;
    found.push(text.slice(start, end));
    start = end;
  }
  return [...found, text.slice(start)];
}

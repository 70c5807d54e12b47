/** Syntax highlighting, limited to a share of time proportional to the code's length. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { withBidiShown } from "./bidi.tsx";
import type { Part } from "./grammars.ts";

type Highlight = typeof import("./grammars.ts").highlight;

const COLOURED_MAX_CHARACTERS = 60_000;
/** Shorter code is highlighted with every new line, longer code whenever it has grown by a fifth. */
const SMALL_CHARACTERS = 3_000;
const GROWTH = 1.2;

const loaded = signal<Highlight | null>(null);
let isLoading = false;

function load() {
  if (isLoading) return;
  isLoading = true;
  import("./grammars.ts").then(
    ({ highlight }) => {
      loaded.value = highlight;
    },
    // Code is readable without highlighting; the next code block tries again.
    () => {
      isLoading = false;
    },
  );
}

interface Coloured {
  readonly language: string;
  readonly text: string;
  readonly nodes: ComponentChildren;
}

/**
 * The highlighted beginning of the code, and the rest as text.
 *
 * Of streamed code only whole lines are highlighted, and long code less often the longer it is, so
 * that the total time is proportional to its length.
 */
export function useHighlight(language: string, text: string, isOpen: boolean) {
  const known = useRef<Coloured | null>(null);
  const isWorthwhile = language !== "" && text.length <= COLOURED_MAX_CHARACTERS;
  if (isWorthwhile) load();
  const highlight = loaded.value;
  if (highlight === null || !isWorthwhile) return { nodes: null, rest: text };
  const whole = isOpen ? text.slice(0, text.lastIndexOf("\n") + 1) : text;
  if (isStale(known.current, { language, text: whole, isOpen })) {
    const parts = highlight(language, whole);
    known.current = parts && { language, text: whole, nodes: nodesOf(parts) };
  }
  const { nodes = null, text: coloured = "" } = known.current ?? {};
  return { nodes, rest: text.slice(coloured.length) };
}

function isStale(
  known: Coloured | null,
  { language, text, isOpen }: { language: string; text: string; isOpen: boolean },
): boolean {
  if (known === null || known.language !== language || !text.startsWith(known.text)) return true;
  if (text.length === known.text.length) return false;
  return !isOpen || text.length < SMALL_CHARACTERS || text.length > known.text.length * GROWTH;
}

function nodesOf(parts: readonly Part[]): ComponentChildren {
  return parts.map((part) =>
    typeof part === "string" ? (
      withBidiShown(part)
    ) : (
      <span class={`hljs-${part.scope?.split(".", 1)}`}>{nodesOf(part.children)}</span>
    ),
  );
}

/** The colours of code: which piece of it is coloured when, for it takes time. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Part } from "./grammars.ts";
import { turnsShown } from "./turns.tsx";

type Highlight = typeof import("./grammars.ts").highlight;

const COLOURED_MAX_CHARACTERS = 60_000;
/** Code that grows is coloured anew with each line until it is this long; then by growth. */
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
    // Code without colours is code, too; the next one that is shown tries again.
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
 * The coloured beginning of a code, and the rest of it as text.
 *
 * Of code that grows, only whole lines are coloured, and long code the more rarely the longer it
 * is, so that all in all it takes time in proportion to its length.
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
      turnsShown(part)
    ) : (
      <span class={`hljs-${part.scope?.split(".", 1)}`}>{nodesOf(part.children)}</span>
    ),
  );
}

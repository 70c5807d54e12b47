/** A button that copies a text and shows whether that worked. */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../../design/icons.tsx";

const SAID_MS = 1_800;

type Outcome = "copied" | "refused" | null;

interface Props {
  text: string;
  /** What it copies, for the accessible name: "answer". */
  what: string;
  class?: string;
}

/** Not rendered in an insecure context, which has no clipboard. */
export function CopyButton({ text, what, class: more = "" }: Props) {
  const [outcome, setOutcome] = useState<Outcome>(null);
  useEffect(() => {
    if (outcome === null) return;
    const timer = setTimeout(() => setOutcome(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  if (navigator.clipboard === undefined) return null;

  async function copy() {
    setOutcome((await writeClipboard(text)) ? "copied" : "refused");
  }

  return (
    <button type="button" class={`act ${more}`} aria-label={`Copy ${what}`} onClick={copy}>
      <Icon name={outcome === "copied" ? "check" : "copy"} />
      <span aria-live="polite">{WORDS[outcome ?? "none"]}</span>
    </button>
  );
}

const WORDS = { none: "Copy", copied: "Copied", refused: "Not allowed" } as const;

/** Copies a text; resolves to whether the browser allowed it. */
export async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

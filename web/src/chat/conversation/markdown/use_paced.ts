/**
 * A text that grows, shown as often as drawing it leaves time for: once in a frame, and a block that
 * takes long to draw (a list of thousands of items, say) at most about a third of the page's time.
 */
import { useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import { inNextFrame } from "../../../design/next_frame.ts";

/** Drawing that is done this fast needs no pause. */
const QUICK_MS = 6;
const PAUSE_FACTOR = 2;

/** @param isGrowing whether more may come; what is whole is shown at once */
export function usePaced(text: string, isGrowing: boolean): string {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const shown = useRef(text);
  /** Takes back what ends the pause after a drawing; null while there is none. */
  const pause = useRef<(() => void) | null>(null);
  const startedAt = performance.now();
  const isPaused = isGrowing && pause.current !== null && text.startsWith(shown.current);
  if (!isPaused) shown.current = text;
  useLayoutEffect(() => {
    if (!isGrowing || isPaused) return;
    pause.current?.();
    pause.current = later(performance.now() - startedAt, () => {
      pause.current = null;
      redraw(undefined);
    });
  }, [shown.current]);
  useEffect(() => () => pause.current?.(), []);
  return shown.current;
}

/** Ends a pause after a drawing that took so long. */
function later(tookMs: number, end: () => void): () => void {
  if (tookMs <= QUICK_MS) return inNextFrame(end);
  const timer = setTimeout(end, PAUSE_FACTOR * tookMs);
  return () => clearTimeout(timer);
}

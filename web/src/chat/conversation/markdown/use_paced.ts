/**
 * Throttles a streamed text: it renders at most once per frame, and a block that renders slowly (a
 * list of thousands of items, for example) takes at most about a third of the main thread's time.
 */
import { useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import { inNextFrame } from "../../../design/next_frame.ts";

/** A render this fast needs no pause. */
const QUICK_MS = 6;
const PAUSE_FACTOR = 2;

/** @param isGrowing whether more text may come; a complete text is shown at once */
export function usePaced(text: string, isGrowing: boolean): string {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const shown = useRef(text);
  /** Cancels the end of the pause after a render; null outside of one. */
  const pause = useRef<(() => void) | null>(null);
  const startedAt = performance.now();
  const isPaused = isGrowing && pause.current !== null && text.startsWith(shown.current);
  if (!isPaused) shown.current = text;
  useLayoutEffect(() => {
    if (!isGrowing || isPaused) return;
    pause.current?.();
    pause.current = afterPause(performance.now() - startedAt, () => {
      pause.current = null;
      redraw(undefined);
    });
  }, [shown.current]);
  useEffect(() => () => pause.current?.(), []);
  return shown.current;
}

/** @returns a function that cancels it */
function afterPause(tookMs: number, end: () => void): () => void {
  if (tookMs <= QUICK_MS) return inNextFrame(end);
  const timer = setTimeout(end, PAUSE_FACTOR * tookMs);
  return () => clearTimeout(timer);
}

/**
 * Throttles a streamed text by the time that rendering it takes: a block that renders slowly (a list
 * of thousands of items, for example) takes at most about a third of the main thread's time.
 */
import { useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";

/** A render this fast needs no pause. */
const QUICK_MS = 6;
const PAUSE_FACTOR = 2;

/** @param isGrowing whether more text may come; a complete text is shown at once */
export function usePaced(text: string, isGrowing: boolean): string {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const shown = useRef(text);
  const restsUntil = useRef(0);
  const startedAt = performance.now();
  const isResting = isGrowing && startedAt < restsUntil.current && text.startsWith(shown.current);
  if (!isResting) shown.current = text;
  useLayoutEffect(() => {
    const tookMs = performance.now() - startedAt;
    if (!isResting && tookMs > QUICK_MS) {
      restsUntil.current = performance.now() + PAUSE_FACTOR * tookMs;
    }
  });
  const isBehind = shown.current !== text;
  useEffect(() => {
    if (!isBehind) return;
    const timer = setTimeout(() => redraw(undefined), restsUntil.current - performance.now());
    return () => clearTimeout(timer);
  }, [isBehind, text]);
  return shown.current;
}

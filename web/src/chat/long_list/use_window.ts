/**
 * List virtualization: renders the visible items and an overscan around them.
 *
 * Short lists are rendered whole, so that the browser's find-in-page works. The window moves only
 * when half of the overscan is used up, so that most scroll events render nothing. Knows nothing of
 * the items but their keys and heights.
 */
import { useLayoutEffect, useMemo, useReducer, useRef } from "preact/hooks";
import { Heights } from "./heights.ts";

/** Lists up to this long are rendered whole. */
const WHOLE_MAX_ITEMS = 60;
/** What is rendered above and below the viewport. */
const OVERSCAN_PX = 900;
/** What has to be left of it; with less, the window moves. */
const OVERSCAN_MIN_PX = 450;

interface WindowOptions {
  readonly keys: readonly string[];
  /** An item's height in pixels; an estimate if items are measured. */
  readonly heightOf: (index: number) => number;
  /** The scroll offset in pixels; it may lie beyond the end of the list. */
  readonly top: (startOf: (key: string) => number | null) => number;
  /** The keys of items to render wherever the viewport is: the focused one, for example. */
  readonly pinned: () => readonly string[];
  /** Called before painting when a rendered item's height has changed. */
  readonly onResize?: () => void;
}

interface WindowPart {
  readonly index: number;
  /** Pixels between the previous rendered item, or the beginning, and this one. */
  readonly gap: number;
}

interface ListWindow {
  /** The items to render. */
  readonly parts: readonly WindowPart[];
  /** Pixels from the last of them to the end of the list. */
  readonly rest: number;
  /** The `ref` of items whose heights are to be measured. */
  readonly measure: (element: HTMLElement | null) => void;
  /** The offset of an item; for the number of items, the total height. */
  readonly startOf: (index: number) => number;
}

/** @param scroller the scrolling element; null until there is one */
export function useWindow(scroller: HTMLElement | null, options: WindowOptions): ListWindow {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const heights = useMemo(() => new Heights(), []);
  heights.setItems(options.keys, options.heightOf);
  const indices = indicesOf(scroller, heights, options, OVERSCAN_PX);
  const now = { options, indices };
  const latest = useRef(now);
  latest.current = now;
  useLayoutEffect(() => {
    if (scroller === null) return;
    const look = () => {
      const { options, indices } = latest.current;
      const needed = indicesOf(scroller, heights, options, OVERSCAN_MIN_PX);
      if (!needed.every((index) => indices.includes(index))) redraw(undefined);
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(scroller);
    scroller.addEventListener("scroll", look, { passive: true });
    return () => {
      sizes.disconnect();
      scroller.removeEventListener("scroll", look);
    };
  }, [scroller, heights]);
  const measure = useMeasured(heights, () => {
    const { options, indices } = latest.current;
    options.onResize?.();
    // If all items are rendered, there are no gaps to adjust.
    if (indices.length < options.keys.length) redraw(undefined);
  });
  const parts = partsOf(indices, heights, options.keys.length);
  return { ...parts, measure, startOf: (index) => heights.startOf(index) };
}

function indicesOf(
  scroller: HTMLElement | null,
  heights: Heights,
  { keys, top: topIn, pinned }: WindowOptions,
  overscanPx: number,
): number[] {
  const count = keys.length;
  if (count <= WHOLE_MAX_ITEMS) return Array.from({ length: count }, (_, index) => index);
  const indexOf = (key: string) => keys.lastIndexOf(key);
  const startOf = (key: string) => {
    const index = indexOf(key);
    return index === -1 ? null : heights.startOf(index);
  };
  const height = scroller?.clientHeight ?? 0;
  const top = Math.min(topIn(startOf), heights.total - height);
  const first = heights.indexAt(top - overscanPx);
  const last = heights.indexAt(top + height + overscanPx);
  const inSight = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const others = pinned().map(indexOf);
  const all = new Set([...inSight, ...others.filter((index) => index !== -1)]);
  return [...all].sort((a, b) => a - b);
}

function partsOf(indices: readonly number[], heights: Heights, count: number) {
  let end = 0;
  const parts = indices.map((index): WindowPart => {
    const gap = heights.startOf(index) - heights.startOf(end);
    end = index + 1;
    return { index, gap };
  });
  return { parts, rest: heights.startOf(count) - heights.startOf(end) };
}

/** The `ref` of measured items; `onChange` is called before painting when a height has changed. */
function useMeasured(heights: Heights, onChange: () => void) {
  const changed = useRef(onChange);
  changed.current = onChange;
  const observer = useMemo(
    () =>
      new ResizeObserver((entries, self) => {
        let hasChanged = false;
        for (const { target, borderBoxSize } of entries) {
          const key = (target as HTMLElement).dataset.key ?? "";
          const height = borderBoxSize[0]?.blockSize ?? 0;
          if (!target.isConnected) self.unobserve(target);
          else if (heights.measure(key, height)) hasChanged = true;
        }
        if (hasChanged) changed.current();
      }),
    [heights],
  );
  useLayoutEffect(() => () => observer.disconnect(), [observer]);
  return useMemo(
    () => (element: HTMLElement | null) => {
      if (element !== null) observer.observe(element);
    },
    [observer],
  );
}

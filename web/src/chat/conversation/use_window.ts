/**
 * Which items of a long list are in the document: those in sight and some around them.
 *
 * Short lists are whole, so that the browser's own search finds everything in them.
 */
import { useLayoutEffect, useMemo, useReducer, useRef } from "preact/hooks";
import { Heights } from "./heights.ts";

/** Lists up to this long are wholly in the document. */
const WHOLE_MAX_ITEMS = 60;
/** So much above and below what is in sight is there, too. */
const AROUND_PX = 900;

interface WindowOptions {
  readonly keys: readonly string[];
  /** A guess of an item's height in pixels. */
  readonly estimate: (index: number) => number;
  /** Where one is: pixels from the beginning of the list, which may be beyond its end. */
  readonly top: (startOf: (key: string) => number | null) => number;
  /** Items that must be there, wherever one is: with the focus, say. */
  readonly pinned: () => readonly string[];
}

interface WindowPart {
  readonly index: number;
  /** Pixels between the item before that is in the document, or the beginning, and this one. */
  readonly gap: number;
}

/** The items that are to be in the document, and `measure`, a reference for each one's element. */
export function useWindow(place: HTMLElement, options: WindowOptions) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const heights = useMemo(() => new Heights(), []);
  heights.setItems(options.keys, options.estimate);
  const indices = indicesOf(place, heights, options);
  const now = { heights, options, indices };
  const latest = useRef(now);
  latest.current = now;
  useLayoutEffect(() => {
    const scrolled = () => {
      const { options, indices } = latest.current;
      if (String(indicesOf(place, heights, options)) !== String(indices)) redraw(undefined);
    };
    place.addEventListener("scroll", scrolled, { passive: true });
    return () => place.removeEventListener("scroll", scrolled);
  }, [place, heights]);
  const measure = useMeasured(heights, () => redraw(undefined));
  return { ...partsOf(indices, heights, options.keys.length), measure };
}

function indicesOf(place: HTMLElement, heights: Heights, options: WindowOptions): number[] {
  const { keys, top: topIn, pinned } = options;
  const count = keys.length;
  if (count <= WHOLE_MAX_ITEMS) return Array.from({ length: count }, (_, index) => index);
  const indexOf = (key: string) => keys.lastIndexOf(key);
  const startOf = (key: string) => {
    const index = indexOf(key);
    return index === -1 ? null : heights.startOf(index);
  };
  const height = place.clientHeight;
  const top = Math.min(topIn(startOf), heights.total - height);
  const first = heights.indexAt(top - AROUND_PX);
  const last = heights.indexAt(top + height + AROUND_PX);
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

/** A reference for the elements of items; `onChange` is called before painting when one changed. */
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

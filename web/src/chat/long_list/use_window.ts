/**
 * Which items of a long list are in the document: those in sight and some around them.
 *
 * Short lists are whole, so that the browser's own search finds everything in them. Which items are
 * there changes only when half of what is around has come into sight, so that most steps of a scroll
 * draw nothing. What the items are and how they look, this does not know.
 */
import { useLayoutEffect, useMemo, useReducer, useRef } from "preact/hooks";
import { Heights } from "./heights.ts";

/** Lists up to this long are wholly in the document. */
const WHOLE_MAX_ITEMS = 60;
/** So much above and below what is in sight is there, too, when it is drawn. */
const AROUND_PX = 900;
/** And so much at least, until it is drawn again. */
const AROUND_MIN_PX = 450;

interface WindowOptions {
  readonly keys: readonly string[];
  /** An item's height in pixels, or a guess of it where items are measured. */
  readonly heightOf: (index: number) => number;
  /** Where one is: pixels from the beginning of the list, which may be beyond its end. */
  readonly top: (startOf: (key: string) => number | null) => number;
  /** Items that must be there, wherever one is: with the focus, say. */
  readonly pinned: () => readonly string[];
  /** Called before painting when an item that is there has got another height. */
  readonly onResize?: () => void;
}

interface WindowPart {
  readonly index: number;
  /** Pixels between the item before that is in the document, or the beginning, and this one. */
  readonly gap: number;
}

interface ListWindow {
  /** The items that are to be in the document. */
  readonly parts: readonly WindowPart[];
  /** Pixels from the last of them to the end of the list. */
  readonly rest: number;
  /** A reference for the elements of items whose heights are not known before. */
  readonly measure: (element: HTMLElement | null) => void;
  /** Where an item begins, and for the number of items, where the list ends. */
  readonly startOf: (index: number) => number;
}

/** @param place the scrolling element; null until there is one */
export function useWindow(place: HTMLElement | null, options: WindowOptions): ListWindow {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const heights = useMemo(() => new Heights(), []);
  heights.setItems(options.keys, options.heightOf);
  const indices = indicesOf(place, heights, options, AROUND_PX);
  const now = { options, indices };
  const latest = useRef(now);
  latest.current = now;
  useLayoutEffect(() => {
    if (place === null) return;
    const look = () => {
      const { options, indices } = latest.current;
      const there = new Set(indices);
      const needed = indicesOf(place, heights, options, AROUND_MIN_PX);
      if (!needed.every((index) => there.has(index))) redraw(undefined);
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(place);
    place.addEventListener("scroll", look, { passive: true });
    return () => {
      sizes.disconnect();
      place.removeEventListener("scroll", look);
    };
  }, [place, heights]);
  const measure = useMeasured(heights, () => {
    const { options, indices } = latest.current;
    options.onResize?.();
    // Where all items are there, their heights leave no gaps.
    if (indices.length < options.keys.length) redraw(undefined);
  });
  const startOf = (index: number) => heights.startOf(index);
  return { ...partsOf(indices, heights, options.keys.length), measure, startOf };
}

function indicesOf(
  place: HTMLElement | null,
  heights: Heights,
  { keys, top: topIn, pinned }: WindowOptions,
  aroundPx: number,
): number[] {
  const count = keys.length;
  if (count <= WHOLE_MAX_ITEMS) return Array.from({ length: count }, (_, index) => index);
  const indexOf = (key: string) => keys.lastIndexOf(key);
  const startOf = (key: string) => {
    const index = indexOf(key);
    return index === -1 ? null : heights.startOf(index);
  };
  const height = place?.clientHeight ?? 0;
  const top = Math.min(topIn(startOf), heights.total - height);
  const first = heights.indexAt(top - aroundPx);
  const last = heights.indexAt(top + height + aroundPx);
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

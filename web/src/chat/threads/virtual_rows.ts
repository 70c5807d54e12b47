/**
 * Which rows of a long list are drawn: those in sight, some around them, and one more.
 *
 * The heights are known, so that this is arithmetic. What is drawn changes by blocks of rows, so that
 * most steps of a scroll draw nothing anew.
 */
import { useLayoutEffect, useReducer, useRef } from "preact/hooks";

const BLOCK_ROWS = 8;
const AROUND_ROWS = 8;

interface VirtualFields {
  /** Where each row begins, in pixels, and after the last one where the list ends. */
  starts: readonly number[];
  /** Drawn wherever it is, because it has the focus; -1 for none. */
  always: number;
  scroller: { readonly current: HTMLElement | null };
}

interface VirtualRows {
  /** Indexes of the rows to draw, in order. */
  readonly drawn: readonly number[];
  /** Scroll as little as needed for a row to be in sight. */
  readonly scrollTo: (index: number) => void;
}

export function useVirtualRows({ starts, always, scroller }: VirtualFields): VirtualRows {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const range = rangeOf(starts, scroller.current);
  const drawnRange = useRef(range);
  const latest = useRef(starts);
  drawnRange.current = range;
  latest.current = starts;
  useLayoutEffect(() => {
    const place = scroller.current;
    if (place === null) return;
    const look = () => {
      const [first, end] = rangeOf(latest.current, place);
      const [drawnFirst, drawnEnd] = drawnRange.current;
      if (first !== drawnFirst || end !== drawnEnd) redraw(undefined);
    };
    const size = new ResizeObserver(look);
    size.observe(place);
    place.addEventListener("scroll", look, { passive: true });
    return () => {
      size.disconnect();
      place.removeEventListener("scroll", look);
    };
  }, [scroller]);
  return {
    drawn: indexes(range, always, starts.length - 1),
    scrollTo(index) {
      const place = scroller.current;
      const [start = 0, end = 0] = latest.current.slice(index, index + 2);
      if (place === null) return;
      if (start < place.scrollTop) place.scrollTop = start;
      else place.scrollTop = Math.max(place.scrollTop, end - place.clientHeight);
    },
  };
}

type Range = readonly [first: number, end: number];

/** The rows of the blocks that are in sight, with some around them. */
export function rangeOf(
  starts: readonly number[],
  place: Pick<HTMLElement, "scrollTop" | "clientHeight"> | null,
): Range {
  const { scrollTop, clientHeight } = place ?? { scrollTop: 0, clientHeight: 0 };
  const count = starts.length - 1;
  const first = indexAt(starts, scrollTop) - AROUND_ROWS;
  const end = indexAt(starts, scrollTop + clientHeight) + AROUND_ROWS;
  return [
    Math.max(0, first - (first % BLOCK_ROWS)),
    Math.min(count, end + BLOCK_ROWS - (end % BLOCK_ROWS)),
  ];
}

/** The row that has this pixel. */
function indexAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = Math.max(0, starts.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function indexes([first, end]: Range, always: number, count: number): number[] {
  const drawn: number[] = [];
  if (always >= 0 && always < first) drawn.push(always);
  for (let index = first; index < end; index += 1) drawn.push(index);
  if (always >= end && always < count) drawn.push(always);
  return drawn;
}

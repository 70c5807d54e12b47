/**
 * Which items of a long list are in the document: those in sight and a few around them.
 *
 * Sizes are measured as items come; before that they are estimated. Short lists are whole, so that
 * the browser's own search finds everything in them.
 */
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type Range,
  Virtualizer,
} from "@tanstack/virtual-core";
import { useCallback, useLayoutEffect, useReducer, useRef } from "preact/hooks";

/** Lists up to this long are wholly in the document. */
export const WHOLE_MAX_ITEMS = 60;
const OVERSCAN_ITEMS = 5;

export interface VirtualOptions {
  readonly keys: readonly string[];
  /** A guess of an item's height in pixels. */
  readonly estimate: (index: number) => number;
  /** Items that must stay, wherever they are: with the focus, a selection, or held in place. */
  readonly pinned: () => readonly number[];
}

export interface VirtualPart {
  readonly index: number;
  /** Pixels between the item before that is in the document, or the beginning, and this one. */
  readonly gap: number;
}

export function useVirtual(place: HTMLElement, options: VirtualOptions) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const held = useRef<Virtualizer<HTMLElement, HTMLElement> | null>(null);
  const { keys, estimate, pinned } = options;
  // Another function would have all items measured anew.
  const getItemKey = useCallback((index: number) => keys[index] ?? index, [keys]);
  const settings = {
    count: keys.length,
    getScrollElement: () => place,
    getItemKey,
    estimateSize: estimate,
    rangeExtractor: (range: Range) => indicesOf(range, pinned()),
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => redraw(undefined),
    initialOffset: () => keys.reduce((sum, _key, index) => sum + estimate(index), 0),
    indexAttribute: "data-index",
  };
  held.current ??= new Virtualizer(settings);
  const virtualizer = held.current;
  virtualizer.setOptions(settings);
  // Where one reads is kept by `Follower`, from the document itself.
  virtualizer.shouldAdjustScrollPositionOnItemSizeChange = () => false;
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return { ...partsOf(virtualizer), measure: virtualizer.measureElement };
}

function indicesOf({ startIndex, endIndex, count }: Range, pinned: readonly number[]): number[] {
  if (count <= WHOLE_MAX_ITEMS) return Array.from({ length: count }, (_, index) => index);
  const start = Math.max(0, startIndex - OVERSCAN_ITEMS);
  const end = Math.min(count - 1, endIndex + OVERSCAN_ITEMS);
  const inSight = Array.from({ length: end - start + 1 }, (_, index) => start + index);
  const others = pinned.filter((index) => index >= 0 && index < count);
  return [...new Set([...inSight, ...others])].sort((a, b) => a - b);
}

function partsOf(virtualizer: Virtualizer<HTMLElement, HTMLElement>) {
  const parts: VirtualPart[] = [];
  let end = 0;
  for (const item of virtualizer.getVirtualItems()) {
    parts.push({ index: item.index, gap: item.start - end });
    end = item.end;
  }
  return { parts, rest: Math.max(0, virtualizer.getTotalSize() - end) };
}

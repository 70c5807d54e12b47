/** Which rows of a long list are drawn, and where: those in sight, some around them, and one more. */
import {
  defaultRangeExtractor,
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
} from "@tanstack/virtual-core";
import { useLayoutEffect, useReducer, useState } from "preact/hooks";

const OVERSCAN_ROWS = 12;

interface VirtualRows {
  readonly items: readonly VirtualItem[];
  readonly heightPx: number;
  readonly lastIndex: number;
  readonly scrollTo: (index: number) => void;
}

interface VirtualFields {
  count: number;
  heightOf: (index: number) => number;
  keyOf: (index: number) => string;
  /** Drawn wherever it is, because it has the focus; -1 for none. */
  always: number;
  scroller: { readonly current: HTMLElement | null };
}

export function useVirtualRows(fields: VirtualFields): VirtualRows {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const options = {
    count: fields.count,
    estimateSize: fields.heightOf,
    getItemKey: fields.keyOf,
    getScrollElement: () => fields.scroller.current,
    overscan: OVERSCAN_ROWS,
    rangeExtractor: (range: Parameters<typeof defaultRangeExtractor>[0]) => {
      const rows = defaultRangeExtractor(range);
      const isLost = fields.always >= 0 && fields.always < range.count;
      return isLost && !rows.includes(fields.always)
        ? [...rows, fields.always].sort((a, b) => a - b)
        : rows;
    },
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => redraw(undefined),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  const items = virtualizer.getVirtualItems();
  return {
    items,
    heightPx: virtualizer.getTotalSize(),
    lastIndex: virtualizer.range?.endIndex ?? -1,
    scrollTo: (index) => virtualizer.scrollToIndex(index, { align: "auto" }),
  };
}

/**
 * A text that grows in place: additions are appended to its text node, so that a selection in it
 * survives.
 */
import { useLayoutEffect, useRef } from "preact/hooks";

export function Words({ text }: { text: string }) {
  const place = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const node = element.firstChild;
    if (!(node instanceof Text)) element.textContent = text;
    else if (!text.startsWith(node.data)) node.data = text;
    else if (text.length > node.data.length) node.appendData(text.slice(node.data.length));
  }, [text]);
  return <span ref={place} />;
}

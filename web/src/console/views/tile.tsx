/** A figure with its name and an explanation. */
import type { ComponentChildren } from "preact";

interface TileProps {
  readonly name: string;
  readonly kind?: "good" | "bad" | "plain";
  /** The figure, or a few words. */
  readonly value: ComponentChildren;
  readonly hint: ComponentChildren;
  /** As high as two others. */
  readonly isLarge?: boolean;
  /** Whether the figure of a large one is no larger than others. */
  readonly isQuiet?: boolean;
}

export function Tile({ name, kind = "plain", value, hint, isLarge, isQuiet }: TileProps) {
  const size = `${isLarge ? " large" : ""}${isQuiet ? " quiet" : ""}`;
  return (
    <div class={`panel tile ${kind}${size}`}>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <span class="hint">{hint}</span>
      </dd>
    </div>
  );
}

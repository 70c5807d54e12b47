/** A figure with its name and an explanation. */
import type { ComponentChildren } from "preact";

interface TileProps {
  readonly name: string;
  readonly kind?: "good" | "bad" | "plain";
  /** The figure, or a few words. */
  readonly value: ComponentChildren;
  readonly hint: ComponentChildren;
  readonly isLarge?: boolean;
}

export function Tile({ name, kind = "plain", value, hint, isLarge = false }: TileProps) {
  return (
    <div class={`panel tile ${kind}${isLarge ? " large" : ""}`}>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <span class="hint">{hint}</span>
      </dd>
    </div>
  );
}

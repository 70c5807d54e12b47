/** A button with only an icon; its label is the accessible name and the tooltip. */
import type { ComponentProps } from "preact";
import { Icon, type IconName } from "./icons.tsx";

type Props = Omit<ComponentProps<"button">, "icon" | "label"> & {
  icon: IconName;
  label: string;
  /** Its keyboard shortcut, for the tooltip: "F2". */
  keys?: string;
};

export function IconButton({ icon, label, keys, class: more, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      class={more === undefined ? "icon-button" : `icon-button ${more}`}
      aria-label={label}
      title={keys === undefined ? label : `${label} (${keys})`}
    >
      <Icon name={icon} />
    </button>
  );
}

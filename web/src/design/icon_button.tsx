/** A button that shows only an icon: its name is said to screen readers and shown as a tip. */
import type { ComponentProps } from "preact";
import { Icon, type IconName } from "./icons.tsx";

type Props = Omit<ComponentProps<"button">, "icon" | "label"> & {
  icon: IconName;
  label: string;
  /** Keys as a tip shows them: "F2", "Ctrl+K". */
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

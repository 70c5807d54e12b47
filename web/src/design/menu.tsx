/** A button that opens a menu of actions as a popover. */
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "./icon_button.tsx";
import { Icon, type IconName } from "./icons.tsx";

const MARGIN_PX = 8;

export interface MenuItem {
  label: string;
  icon: IconName;
  onSelect: () => void;
  danger?: boolean;
  /** Preceded by a separator. */
  apart?: boolean;
  /** Shown at the end: a keyboard shortcut, or a mark for the current choice. */
  aside?: string;
}

interface MenuProps {
  label: string;
  icon: IconName;
  items: readonly MenuItem[];
  class?: string;
  tabIndex?: number;
}

export function Menu({ label, icon, items, class: more, tabIndex = 0 }: MenuProps) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const [isOpen, setIsOpen] = useState(false);

  // After rendering, because placing the menu takes its size.
  useLayoutEffect(() => {
    const menu = list.current;
    if (!isOpen || menu === null || button.current === null) return;
    menu.showPopover();
    putBeside(menu, button.current);
    menu.querySelector<HTMLElement>("[role=menuitem]")?.focus();
  }, [isOpen]);

  return (
    <>
      <IconButton
        {...(more === undefined ? {} : { class: more })}
        ref={button}
        icon={icon}
        label={label}
        tabIndex={tabIndex}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        popovertarget={id}
        onClick={(event) => {
          event.preventDefault();
          if (isOpen) list.current?.hidePopover();
          else setIsOpen(true);
        }}
      />
      <div
        id={id}
        ref={list}
        popover="auto"
        class="menu"
        role="menu"
        aria-label={label}
        tabIndex={-1}
        onToggle={(event) => {
          if (event.newState === "closed") setIsOpen(false);
        }}
        onKeyDown={moveFocus}
      >
        {isOpen &&
          items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              class={`menu-item${item.danger ? " danger" : ""}${item.apart ? " apart" : ""}`}
              onClick={() => {
                list.current?.hidePopover();
                item.onSelect();
              }}
            >
              <Icon name={item.icon} />
              {item.label}
              {item.aside !== undefined && <span class="aside">{item.aside}</span>}
            </button>
          ))}
      </div>
    </>
  );
}

/** Places the menu below the button, or above it without room; aligned with the button's end. */
function putBeside(menu: HTMLElement, button: HTMLElement) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + 4;
  const fits = below + height + MARGIN_PX <= innerHeight;
  const isRtl = getComputedStyle(button).direction === "rtl";
  const left = isRtl ? at.left : at.right - width;
  menu.style.top = `${fits ? below : Math.max(MARGIN_PX, at.top - 4 - height)}px`;
  menu.style.left = `${Math.min(Math.max(MARGIN_PX, left), innerWidth - width - MARGIN_PX)}px`;
}

function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }) {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=menuitem]")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") event.currentTarget.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  items.at(next % items.length)?.focus();
}

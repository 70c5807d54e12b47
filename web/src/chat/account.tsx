/** The signed-in user, with a menu: theme, help, sign out. */
import { Menu, type MenuItem } from "../design/menu.tsx";
import { type Theme, theme } from "../design/theme.ts";

const THEMES: readonly { theme: Theme; label: string; icon: "computer" | "sun" | "moon" }[] = [
  { theme: "system", label: "System theme", icon: "computer" },
  { theme: "light", label: "Light theme", icon: "sun" },
  { theme: "dark", label: "Dark theme", icon: "moon" },
];

interface AccountProps {
  user: string;
  hasConsole: boolean;
  onArchived: () => void;
  onShortcuts: () => void;
  onSignOut: () => void;
}

export function Account(props: AccountProps) {
  const { user, hasConsole, onArchived, onShortcuts, onSignOut } = props;
  const go = (page: string) => () => window.open(page, "_blank", "noopener");
  const pages: MenuItem[] = [
    // Always here: those of older conversations are not known to be archived until they are loaded.
    { label: "Archived conversations", icon: "archive", apart: true, onSelect: onArchived },
    {
      label: "Keyboard shortcuts",
      icon: "keyboard",
      aside: "?",
      onSelect: onShortcuts,
    },
    { label: "API reference", icon: "document", onSelect: go("docs") },
  ];
  if (hasConsole) pages.push({ label: "Console", icon: "tool", onSelect: go("console") });
  const items: MenuItem[] = [
    ...THEMES.map(({ theme: one, label, icon }) => ({
      label,
      icon,
      ...(theme.value === one ? { aside: "✓" } : {}),
      onSelect: () => {
        theme.value = one;
      },
    })),
    ...pages,
    { label: "Sign out", icon: "signOut", apart: true, onSelect: onSignOut },
  ];
  return (
    <div class="account">
      <span class="avatar" aria-hidden="true">
        {[...user][0]?.toUpperCase()}
      </span>
      <span class="user truncate" dir="auto">
        {user}
      </span>
      <Menu icon="more" label="Account and settings" items={items} />
    </div>
  );
}

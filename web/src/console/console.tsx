/** The whole console: the sign-in form, or the header and the open view. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "../design/icon_button.tsx";
import { Icon, Mark } from "../design/icons.tsx";
import { theme } from "../design/theme.ts";
import { access, signOut } from "./access.ts";
import { ActionDialog } from "./actions/dialog.tsx";
import { isDark } from "./colours.ts";
import { Freshness } from "./freshness.tsx";
import { FAILED, fragmentOf, type Route, route } from "./route.ts";
import { SignIn } from "./sign_in.tsx";
import { ActionsView } from "./views/actions.tsx";
import { NodesView } from "./views/nodes.tsx";
import { OverviewView } from "./views/overview.tsx";
import { RunView } from "./views/run.tsx";
import { RunsView } from "./views/runs.tsx";
import { UsersView } from "./views/users.tsx";

const VIEWS: readonly [Route, string][] = [
  [{ view: "overview" }, "Overview"],
  [{ view: "users", id: "" }, "Users"],
  [{ view: "runs", id: "" }, "Runs"],
  [{ view: "nodes" }, "Nodes"],
  [{ view: "actions" }, "Actions"],
];

export function Console() {
  if (access.value === null) return <SignIn />;
  return (
    <>
      <button type="button" class="skip button small" onClick={skip}>
        Skip to content
      </button>
      <Head name={access.value.name} />
      <View />
      <ActionDialog />
    </>
  );
}

/** Called by a button rather than a link, because the URL's fragment is the route. */
function skip(): void {
  document.getElementById("main")?.focus();
}

function Head({ name }: { name: string }) {
  const here = route.value.view;
  return (
    <header class="head">
      <div class="brand">
        <Mark size={26} />
        <span>Threadcast</span>
        <span class="soft">console</span>
      </div>
      <nav class="views" aria-label="Views">
        {VIEWS.map(([target, label]) => (
          <a
            key={label}
            href={fragmentOf(target)}
            aria-current={target.view === here ? "page" : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      <div class="aside">
        <Freshness />
        <IconButton
          icon={isDark.value ? "sun" : "moon"}
          label={isDark.value ? "Light colours" : "Dark colours"}
          onClick={() => {
            theme.value = isDark.value ? "light" : "dark";
          }}
        />
        <span class="operator" title="The operator whose token this is">
          <Icon name="user" />
          <span class="truncate">{name === "" ? "operator" : name}</span>
        </span>
        <IconButton icon="signOut" label="Sign out" onClick={() => signOut()} />
      </div>
    </header>
  );
}

/** The open view. Focuses a newly opened one, as a page load would. */
function View() {
  const place = useRef<HTMLElement>(null);
  const { value } = route;
  const shown = fragmentOf(value);
  const before = useRef(shown);
  // Before painting: an effect that runs later could take the focus from a field of the new view.
  useLayoutEffect(() => {
    document.title = `${titleOf(value)} · Threadcast console`;
    if (before.current === shown) return;
    before.current = shown;
    scrollTo(0, 0);
    place.current?.focus({ preventScroll: true });
  }, [shown, value]);
  return (
    <main id="main" tabIndex={-1} ref={place}>
      {viewOf(value)}
    </main>
  );
}

function titleOf(open: Route): string {
  const name = VIEWS.find(([target]) => target.view === open.view)?.[1] ?? "";
  return "id" in open && open.id !== "" ? `${open.id} · ${name}` : name;
}

function viewOf(open: Route) {
  switch (open.view) {
    case "users":
      return <UsersView id={open.id} />;
    case "runs":
      if (open.id === "" || open.id === FAILED) return <RunsView isFailed={open.id === FAILED} />;
      return <RunView key={open.id} id={open.id} />;
    case "nodes":
      return <NodesView />;
    case "actions":
      return <ActionsView />;
    default:
      return <OverviewView />;
  }
}

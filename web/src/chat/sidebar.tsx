/** The sidebar: new conversation, search, the list of threads, the account. */
import type { RefObject } from "preact";
import { IconButton } from "../design/icon_button.tsx";
import { Icon, Mark } from "../design/icons.tsx";
import { Account } from "./account.tsx";
import { ThreadList } from "./threads/thread_list.tsx";
import type { Threads } from "./threads/threads.ts";
import "./sidebar.css";

interface SidebarProps {
  threads: Threads;
  searchField: RefObject<HTMLInputElement | null>;
  hasConsole: boolean;
  onNew: () => void;
  onHide: () => void;
  onShortcuts: () => void;
  onSignOut: () => void;
}

export function Sidebar(props: SidebarProps) {
  const { threads, searchField, hasConsole, onNew, onHide, onShortcuts, onSignOut } = props;
  return (
    <>
      <div class="side-head">
        <span class="brand">
          <Mark size={24} />
          Threadcast
        </span>
        <IconButton icon="sidebar" label="Hide the list" keys="[" onClick={onHide} />
      </div>
      <div class="side-tools">
        <button
          type="button"
          class="button new-thread"
          onClick={onNew}
          title="New conversation (n)"
        >
          <Icon name="pencil" />
          New conversation
        </button>
        <Search threads={threads} field={searchField} />
      </div>
      {threads.showsArchived.value && <ArchivedHead threads={threads} />}
      <ThreadList threads={threads} key={String(threads.showsArchived.value)} />
      <ArchivedLink threads={threads} />
      <Account
        user={threads.model.person ?? threads.model.user.value ?? ""}
        hasConsole={hasConsole}
        onArchived={() => {
          threads.showsArchived.value = true;
        }}
        onShortcuts={onShortcuts}
        onSignOut={onSignOut}
      />
    </>
  );
}

function Search({
  threads,
  field,
}: {
  threads: Threads;
  field: RefObject<HTMLInputElement | null>;
}) {
  return (
    <search class="search">
      <Icon name="search" />
      <input
        ref={field}
        class="input"
        type="search"
        aria-label="Search conversations"
        placeholder="Search"
        dir="auto"
        value={threads.query.value}
        onInput={(event) => {
          threads.query.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") threads.query.value = "";
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          document.querySelector<HTMLElement>(".thread-link[tabindex='0']")?.focus();
        }}
      />
    </search>
  );
}

function ArchivedHead({ threads }: { threads: Threads }) {
  return (
    <div class="archived-head">
      <IconButton
        class="small"
        icon="back"
        label="Back to all conversations"
        onClick={() => {
          threads.showsArchived.value = false;
        }}
      />
      <h2>Archived</h2>
    </div>
  );
}

function ArchivedLink({ threads }: { threads: Threads }) {
  const count = threads.archivedCount.value;
  if (threads.showsArchived.value || count === 0) return null;
  return (
    <button
      type="button"
      class="archived-link"
      onClick={() => {
        threads.showsArchived.value = true;
      }}
    >
      <Icon name="archive" />
      Archived
      <span class="badge">{count.toLocaleString("en")}</span>
    </button>
  );
}

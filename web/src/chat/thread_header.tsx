/** The open thread's title and actions. */
import { useEffect } from "preact/hooks";
import { IconButton } from "../design/icon_button.tsx";
import { Menu } from "../design/menu.tsx";
import type { Failure } from "./model.ts";
import type { Line } from "./threads/lines.ts";
import { actionsOf } from "./threads/thread_row.tsx";
import type { Threads } from "./threads/threads.ts";
import { TitleField } from "./threads/title_field.tsx";

interface ThreadHeaderProps {
  threads: Threads;
  /** Whether the list is hidden, so that the header needs a button that shows it. */
  isAlone: boolean;
  onShowList: () => void;
  onNew: () => void;
}

export function ThreadHeader({ threads, isAlone, onShowList, onNew }: ThreadHeaderProps) {
  const { model } = threads;
  const openId = model.openThreadId.value;
  const line = threads.open.value;
  const title = titleIn(line, openId !== null, model.failure.value);
  useEffect(() => {
    document.title = line === undefined ? "Threadcast" : `${line.title} · Threadcast`;
  }, [line?.title]);
  const isRenaming = line !== undefined && threads.renaming.value === `header ${line.id}`;
  return (
    <header class="thread-header">
      {isAlone && (
        <IconButton
          icon="menu"
          label="Show conversations"
          aria-expanded="false"
          onClick={onShowList}
        />
      )}
      {isRenaming && line ? (
        <TitleField
          title={line.title}
          onDone={(text) => threads.rename(line.id, text)}
          onCancel={() => {
            threads.renaming.value = null;
          }}
        />
      ) : (
        <h1
          class="truncate"
          dir="auto"
          title={title}
          onDblClick={() => line && startRenaming(threads, line)}
        >
          {title}
        </h1>
      )}
      {line?.isArchived && <span class="hint">Archived</span>}
      {isAlone && openId !== null && (
        <IconButton icon="pencil" label="New conversation" keys="n" onClick={onNew} />
      )}
      {line && (
        <Menu
          icon="more"
          label="Actions for this conversation"
          items={actionsOf(line, threads, {
            onRename: () => startRenaming(threads, line),
            place: "header",
          })}
        />
      )}
    </header>
  );
}

export function startRenaming(threads: Threads, { id }: Pick<Line, "id">) {
  threads.renaming.value = `header ${id}`;
}

function titleIn(line: Line | undefined, isOpen: boolean, failure: Failure | null): string {
  if (line !== undefined) return line.title;
  if (failure === "deleted") return "Deleted";
  if (failure === "missing") return "Not found";
  return isOpen ? "" : "New conversation";
}

/** A thread in the list: its title as a link, its mark and its menu. */
import type { CSSProperties } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../../design/icons.tsx";
import { Menu, type MenuItem } from "../../design/menu.tsx";
import type { Line } from "./lines.ts";
import { excerptOf } from "./search.ts";
import type { Threads } from "./threads.ts";
import { TitleField } from "./title_field.tsx";

interface ThreadRowProps {
  line: Line;
  threads: Threads;
  isOpen: boolean;
  /** Whether this row is the one in the tab order (roving tabindex). */
  isActive: boolean;
  takesFocus: boolean;
  onActive: () => void;
  style: CSSProperties | undefined;
}

export function ThreadRow(props: ThreadRowProps) {
  const { line, threads, isOpen, isActive, takesFocus, onActive, style } = props;
  const link = useRef<HTMLAnchorElement>(null);
  const isUnread = threads.isUnread(line);
  const isRenaming = threads.renaming.value === line.id;
  useLayoutEffect(() => {
    if (takesFocus) link.current?.focus({ preventScroll: true });
  }, [takesFocus]);
  const wasRenaming = useRef(false);
  useLayoutEffect(() => {
    // The title field had the focus and was removed.
    const isLost = wasRenaming.current && document.activeElement === document.body;
    if (isLost) link.current?.focus({ preventScroll: true });
    wasRenaming.current = isRenaming;
  }, [isRenaming]);
  function startRenaming() {
    threads.renaming.value = line.id;
  }
  function actByKey(event: KeyboardEvent) {
    if (event.key === "F2") startRenaming();
    else if (event.key === "Delete") threads.delete(line.id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  return (
    <li class={isOpen ? "thread-row open" : "thread-row"} style={style} onFocusIn={onActive}>
      {isRenaming ? (
        <TitleField
          title={line.title}
          onDone={(text) => threads.rename(line.id, text)}
          onCancel={() => {
            threads.renaming.value = null;
          }}
        />
      ) : (
        <a
          ref={link}
          class={isOpen || isUnread ? "thread-link strong" : "thread-link"}
          href={`#${line.id}`}
          tabIndex={isActive ? 0 : -1}
          aria-current={isOpen ? "page" : undefined}
          onKeyDown={actByKey}
        >
          <span class="thread-title truncate" dir="auto" title={line.title}>
            {excerptOf(line, threads.query.value).map(({ text, isMatch }, index) =>
              isMatch ? <mark key={index}>{text}</mark> : text,
            )}
          </span>
          <Mark line={line} isUnread={isUnread} />
        </a>
      )}
      {!isRenaming && (
        <Menu
          class="small row-menu"
          icon="more"
          label={`Actions for ${line.title}`}
          items={actionsOf(line, threads, { onRename: startRenaming, place: "row" })}
          tabIndex={isActive ? 0 : -1}
        />
      )}
    </li>
  );
}

function Mark({ line, isUnread }: { line: Line; isUnread: boolean }) {
  if (line.isWaiting) {
    return (
      <span class="mark-waiting" title="Waiting for your answer">
        <Icon name="question" />
        <span class="sr-only">(waiting for you)</span>
      </span>
    );
  }
  if (line.isRunning) {
    return (
      <span class="mark-running" title="Answering">
        <span class="sr-only">(answering)</span>
      </span>
    );
  }
  if (!isUnread) return null;
  return (
    <span class="mark-unread" title="Unread">
      <span class="sr-only">(unread)</span>
    </span>
  );
}

/** Del works on the focused row, `a` on the open thread. */
const KEYS = { row: { remove: "Del" }, header: { archive: "a" } };

interface ActionOptions {
  onRename: () => void;
  place: "row" | "header";
}

/** The menu of a thread, in the list or in its header. */
export function actionsOf(
  line: Line,
  threads: Threads,
  { onRename, place }: ActionOptions,
): readonly MenuItem[] {
  const keys: { archive?: string; remove?: string } = KEYS[place];
  return [
    { label: "Rename", icon: "edit", aside: "F2", onSelect: onRename },
    line.isArchived
      ? {
          label: "Unarchive",
          icon: "unarchive",
          onSelect: () => threads.archive(line.id, false),
        }
      : {
          label: "Archive",
          icon: "archive",
          ...(keys.archive && { aside: keys.archive }),
          onSelect: () => threads.archive(line.id, true),
        },
    {
      label: "Delete",
      icon: "trash",
      ...(keys.remove && { aside: keys.remove }),
      danger: true,
      apart: true,
      onSelect: () => threads.delete(line.id),
    },
  ];
}

/** Renders Markdown. Unchanged blocks are not rendered again. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../../design/icons.tsx";
import { memo } from "../../../design/memo.ts";
import { withBidiShown } from "./bidi.tsx";
import { Code } from "./code.tsx";
import { MarkdownReader } from "./reader.ts";
import type { Block, Inline, Item } from "./tree.ts";
import { usePaced } from "./use_paced.ts";
import { Words } from "./words.tsx";

interface Props {
  text: string;
  /** Whether more text may come. */
  isStreaming: boolean;
}

export const Markdown = memo(({ text: latest, isStreaming }: Props) => {
  const text = usePaced(latest, isStreaming);
  const reader = useRef<MarkdownReader | null>(null);
  // A streamed text keeps its structure when complete, so that a selection survives.
  const hasGrown = useRef(false);
  if (isStreaming) hasGrown.current = true;
  reader.current ??= new MarkdownReader();
  const chunks = reader.current.read(text, isStreaming);
  return (
    <div class={isStreaming ? "prose streaming" : "prose"}>
      {chunks.map((blocks, index) => (
        <Chunk
          key={index}
          blocks={blocks}
          isGrowing={hasGrown.current}
          isPast={index < chunks.length - 1}
        />
      ))}
    </div>
  );
});

interface ChunkProps {
  blocks: readonly Block[];
  isGrowing: boolean;
  /** Whether another chunk follows it. */
  isPast: boolean;
}

const Chunk = memo(({ blocks, isGrowing, isPast }: ChunkProps) => {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isGrowing && isPast && place.current !== null) return leaveOutOfSight(place.current);
  }, [isGrowing, isPast]);
  return (
    <div ref={place}>
      {blocks.map((block, index) => (
        <BlockView key={index} block={block} isGrowing={isGrowing} />
      ))}
    </div>
  );
});

/**
 * Skips layout and painting while out of view; otherwise each frame of a long answer would cost time
 * for all of it. The intrinsic size keeps the height of the next layout, so that nothing moves; to
 * measure it here would force a layout.
 */
function leaveOutOfSight(element: HTMLElement): () => void {
  const observer = new ResizeObserver(([entry]) => {
    const height = entry?.borderBoxSize[0]?.blockSize;
    element.style.cssText = `content-visibility:auto;contain-intrinsic-block-size:auto ${height}px`;
    observer.disconnect();
  });
  observer.observe(element);
  return () => observer.disconnect();
}

const BlockView = memo(({ block, isGrowing }: { block: Block; isGrowing: boolean }) =>
  viewOf(block, isGrowing ? growing : settled, "auto"),
);

type ShowText = (text: string) => ComponentChildren;

const settled: ShowText = (text) => text;
const growing: ShowText = (text) => <Words text={text} />;

/** @param dir none for nested blocks: the browser ignores them where it resolves an outer `auto` */
function viewOf(block: Block, show: ShowText, dir?: "auto"): ComponentChildren {
  switch (block.kind) {
    case "paragraph":
      return <p dir={dir}>{inlines(block.children, show)}</p>;
    case "line":
      return inlines(block.children, show);
    case "heading":
      return heading(block.level, inlines(block.children, show), dir);
    case "code":
      return <Code language={block.language} text={block.text} isOpen={block.isOpen} />;
    case "quote":
      return <blockquote dir={dir}>{block.blocks.map((one) => viewOf(one, show))}</blockquote>;
    case "list":
      return list(block, show, dir);
    case "table":
      return table(block, show);
    case "plain":
      return (
        <p class="plain" dir={dir}>
          {show(block.text)}
        </p>
      );
    default:
      return <hr />;
  }
}

/** Headings of an answer rank below those of the page. */
function heading(level: number, children: ComponentChildren, dir?: "auto") {
  const Heading = level === 1 ? "h4" : level === 2 ? "h5" : "h6";
  return <Heading dir={dir}>{children}</Heading>;
}

function list(
  { start, items }: { start: number | null; items: readonly Item[] },
  show: ShowText,
  dir?: "auto",
) {
  const children = items.map((item, index) => <ItemView key={index} item={item} show={show} />);
  return start === null ? (
    <ul dir={dir}>{children}</ul>
  ) : (
    <ol dir={dir} start={start}>
      {children}
    </ol>
  );
}

const ItemView = memo(({ item, show }: { item: Item; show: ShowText }) => (
  <li class={item.isDone === null ? undefined : "task"}>
    {item.isDone !== null && <TaskMark isDone={item.isDone} />}
    {item.blocks.map((one) => viewOf(one, show))}
  </li>
));

function TaskMark({ isDone }: { isDone: boolean }) {
  return (
    <span class="task-mark" role="img" aria-label={isDone ? "done" : "to do"}>
      {isDone && <Icon name="check" />}
    </span>
  );
}

function table({ aligns, head, rows }: Extract<Block, { kind: "table" }>, show: ShowText) {
  const align = (column: number) => `align-${aligns[column] ?? "start"}`;
  return (
    <section
      class="table"
      aria-label="Table"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
      tabIndex={0}
    >
      <table dir="auto">
        <thead>
          <tr>
            {head.map((cell, column) => (
              <th scope="col" class={align(column)}>
                {inlines(cell, show)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {row.map((cell, column) => (
                <td class={align(column)}>{inlines(cell, show)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function inlines(children: readonly Inline[], show: ShowText): ComponentChildren {
  return children.map((inline) => inlineView(inline, show));
}

function inlineView(inline: Inline, show: ShowText): ComponentChildren {
  if (typeof inline === "string") return show(inline);
  switch (inline.kind) {
    case "strong":
      return <strong>{inlines(inline.children, show)}</strong>;
    case "em":
      return <em>{inlines(inline.children, show)}</em>;
    case "del":
      return <del>{inlines(inline.children, show)}</del>;
    case "code":
      return <code dir="ltr">{withBidiShown(inline.text, show(inline.text))}</code>;
    case "link":
      return (
        <a href={inline.href} target="_blank" rel="noopener noreferrer nofollow">
          {inlines(inline.children, show)}
        </a>
      );
    default:
      return <br />;
  }
}

/** Markdown as elements. Blocks that have not changed are not drawn again. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../../design/icons.tsx";
import { still } from "../still.ts";
import { Code } from "./code.tsx";
import { MarkdownReader } from "./reader.ts";
import type { Block, Inline, Item } from "./tree.ts";
import { turnsShown } from "./turns.tsx";
import { usePaced } from "./use_paced.ts";
import { Words } from "./words.tsx";

interface Props {
  text: string;
  /** More may come. */
  isStreaming: boolean;
}

export const Markdown = still(({ text: latest, isStreaming }: Props) => {
  const text = usePaced(latest, isStreaming);
  const reader = useRef<MarkdownReader | null>(null);
  // A text that grew here keeps its growing pieces when it is whole, for the sake of selections.
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
  /** Another chunk comes behind it. */
  isPast: boolean;
}

const Chunk = still(({ blocks, isGrowing, isPast }: ChunkProps) => {
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
 * From the next frame on the browser looks at this only where it is in sight: with each frame of a
 * long answer it would look at all of it. It keeps the height that it has then, so that nothing
 * moves; that is not asked for, which would lay everything out once more.
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

const BlockView = still(({ block, isGrowing }: { block: Block; isGrowing: boolean }) =>
  viewOf(block, isGrowing ? growing : settled, "auto"),
);

type ShowText = (text: string) => ComponentChildren;

const settled: ShowText = (text) => text;
const growing: ShowText = (text) => <Words text={text} />;

/**
 * @param dir of a block within another one there is none: the browser finds out the direction of the
 * outer one by its text, and leaves out what has a `dir` of its own
 */
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

/** A heading of an answer is below those of the page. */
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

const ItemView = still(({ item, show }: { item: Item; show: ShowText }) => (
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
      return <code dir="ltr">{turnsShown(inline.text, show(inline.text))}</code>;
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

/** A message and its answer. */
import type { OutboxEntry, RunView } from "@threadcast/client";
import { isActive, textOf } from "@threadcast/client/chat";
import { Icon } from "../../design/icons.tsx";
import { memo } from "../../design/memo.ts";
import type { ChatModel } from "../model.ts";
import { CopyButton } from "./copy_button.tsx";
import { tokenUse, took, type WorkTime, workTime } from "./format.ts";
import { Markdown } from "./markdown/markdown.tsx";
import { MessageView } from "./message.tsx";
import { type Piece, piecesOf } from "./pieces.ts";
import { Question } from "./question/question.tsx";
import { StatusLine } from "./status_line.tsx";
import { ThoughtsView } from "./thoughts.tsx";
import { ToolCard } from "./tool.tsx";

interface Props {
  run: RunView;
  /** The run's entries in the outbox: answers, a cancellation. */
  entries: readonly OutboxEntry[];
  isLast: boolean;
  isOffline: boolean;
  model: ChatModel;
  onSend: (content: string) => void;
  onAnswered: () => void;
}

export const RunArticle = memo((props: Props) => {
  const { run, entries, isLast, isOffline, model, onSend } = props;
  const { message } = run;
  const isStopping = entries.some(({ kind }) => kind === "cancel") && isActive(run);
  return (
    <article class="run" data-status={run.status} tabIndex={-1} aria-label={labelOf(run)}>
      {message !== null && (
        <MessageView content={message.content} timestamp={message.timestamp} onResend={onSend} />
      )}
      <div class="answer" aria-busy={run.status === "running"}>
        <h2 class="sr-only">Answer</h2>
        <Attempt run={run} />
        <Pieces run={run} entries={entries} model={model} onAnswered={props.onAnswered} />
        <StatusLine
          run={run}
          isLast={isLast}
          isStopping={isStopping}
          isOffline={isOffline}
          onAgain={() => message !== null && onSend(message.content)}
          onCancel={() => model.cancel(run.id)}
        />
        <AnswerFoot run={run} />
      </div>
    </article>
  );
});

const LABEL_MAX_CHARACTERS = 80;

function labelOf({ message }: RunView): string {
  const text = message?.content.trim().slice(0, LABEL_MAX_CHARACTERS);
  return text ? `Message and answer: ${text}` : "Answer";
}

/** Tells that the run was taken over, and that what had been streamed is void. */
function Attempt({ run }: { run: RunView }) {
  if (run.attempt < 2) return null;
  const isOver = !isActive(run);
  return (
    <p class="attempt" title="What it had streamed was discarded.">
      <Icon name="refresh" />
      {isOver
        ? `Interrupted meanwhile; this is attempt ${run.attempt}.`
        : `Interrupted; starting again (attempt ${run.attempt}).`}
    </p>
  );
}

type PiecesProps = Pick<Props, "run" | "entries" | "model" | "onAnswered">;

function Pieces(props: PiecesProps) {
  const { run } = props;
  const pieces = piecesOf(run);
  const isGoingOn = isActive(run);
  return (
    <div class="steps">
      {pieces.map((piece, index) => (
        <PieceView
          {...props}
          key={piece.key}
          of={piece.of}
          isStreaming={isGoingOn && index === pieces.length - 1}
        />
      ))}
    </div>
  );
}

interface PieceProps extends PiecesProps, Pick<Piece, "of"> {
  isStreaming: boolean;
}

function PieceView({ of, run, entries, isStreaming, model, onAnswered }: PieceProps) {
  switch (of.kind) {
    case "thoughts":
      return <ThoughtsView thoughts={of} />;
    case "tool":
      return <ToolCard step={of} />;
    case "text":
      return <Markdown text={of.text} isStreaming={isStreaming} />;
    default:
      return (
        <Question
          run={run}
          step={of}
          entry={entries.find((one) => one.kind === "answer" && one.inputId === of.id)}
          onAnswer={(value) => {
            model.respond(run.id, of.id, value);
            onAnswered();
          }}
          isStopping={entries.some(({ kind }) => kind === "cancel")}
          onStop={() => model.cancel(run.id)}
        />
      );
  }
}

const AnswerFoot = memo(({ run }: { run: RunView }) => {
  if (isActive(run)) return null;
  const text = textOf(run);
  const tokens = tokenUse(run.usage);
  const time = workTime(run);
  if (text === "" && time === null && tokens === null) return null;
  return (
    <div class="answer-foot acts">
      {text !== "" && <CopyButton text={text} what="answer" />}
      {time !== null && (
        <span class="fact" title={timeWords(run.agent, time)}>
          {took(time.workMs)}
        </span>
      )}
      {tokens !== null && (
        <span class="fact" title={tokens.detail}>
          {tokens.brief}
        </span>
      )}
    </div>
  );
});

function timeWords(agent: string, { workMs, waitedMs }: WorkTime): string {
  const words = `Answered by ${agent || "an agent"} in ${took(workMs)}`;
  return waitedMs > 0 ? `${words}, and ${took(waitedMs)} of waiting for you` : words;
}

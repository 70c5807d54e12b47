/** An agent's question, inline: the form, the time left, and the given answer. */
import type { InputStep, OutboxEntry } from "@threadcast/client";
import { useMemo, useRef } from "preact/hooks";
import { durationOfS } from "../../../design/durations.ts";
import { Icon } from "../../../design/icons.tsx";
import { moment } from "../format.ts";
import { useNow } from "../use_now.ts";
import { fieldOf, inWords, type Option } from "./field.ts";
import { Form } from "./form.tsx";

const CHOICE_BUTTONS_MAX = 5;
const COUNTED_DOWN_MS = 120_000;

interface Props {
  step: InputStep;
  /** The answer in the outbox. */
  entry: OutboxEntry | undefined;
  /** The run is being stopped. */
  isStopping: boolean;
  onAnswer: (value: unknown) => void;
  /** Called to stop the run instead of answering. */
  onStop: () => void;
}

export function Question(props: Props) {
  const { step } = props;
  const isOpen = step.status === "open";
  const place = useRef<HTMLElement>(null);
  const answer = (value: unknown) => {
    // The focused control is about to be removed with the form.
    place.current?.focus({ preventScroll: true });
    props.onAnswer(value);
  };
  return (
    <section
      ref={place}
      tabIndex={-1}
      class="question"
      data-status={step.status}
      aria-label="A question for you"
    >
      <p class="question-prompt" dir="auto">
        <Icon name="question" />
        <span>{step.prompt}</span>
      </p>
      {isOpen ? <Open {...props} onAnswer={answer} /> : <Closed step={step} />}
    </section>
  );
}

function Closed({ step }: { step: InputStep }) {
  if (step.status !== "answered")
    return <p class="hint">Nobody answered; this question is closed.</p>;
  const isPlain = typeof step.value !== "object" || step.value === null;
  return (
    <div class="question-answer" dir="auto">
      <Icon name="check" />
      <span class="sr-only">Answered: </span>
      {isPlain ? <span>{inWords(step.value)}</span> : <Values value={step.value} />}
    </div>
  );
}

/** An answer with several values. */
function Values({ value }: { value: unknown }) {
  if (Array.isArray(value)) return <span>{value.map(inWords).join(", ")}</span>;
  return (
    <dl>
      {Object.entries(value as Record<string, unknown>).map(([name, part]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{Array.isArray(part) ? part.map(inWords).join(", ") : inWords(part)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Open({ step, entry, isStopping, onAnswer, onStop }: Props) {
  const field = useMemo(() => fieldOf(step.schema), [step.schema]);
  const now = useNow(true);
  const leftMs = step.expiresAt * 1000 - now;
  const isBusy = isStopping || (entry !== undefined && entry.status !== "refused");
  const choices = choicesOf(field.shape);
  return (
    <>
      {field.description !== "" && (
        <p class="hint" dir="auto">
          {field.description}
        </p>
      )}
      <fieldset class="question-form" disabled={isBusy || leftMs <= 0}>
        <legend class="sr-only">Your answer</legend>
        {choices === null ? (
          <Form field={field} onAnswer={onAnswer} />
        ) : (
          <Choices options={choices} onAnswer={onAnswer} />
        )}
      </fieldset>
      <div class="question-foot">
        <p
          class={entry?.status === "refused" ? "problem" : "hint"}
          // The countdown is not announced every second.
          aria-live={entry === undefined && leftMs > 0 ? "off" : "polite"}
        >
          {noteOf(entry, leftMs, step.expiresAt)}
        </p>
        <button type="button" class="button small" disabled={isStopping} onClick={onStop}>
          Skip and stop
        </button>
      </div>
    </>
  );
}

function choicesOf(shape: ReturnType<typeof fieldOf>["shape"]): readonly Option[] | null {
  if (shape.kind === "boolean") {
    return [
      { label: "Yes", value: true },
      { label: "No", value: false },
    ];
  }
  return shape.kind === "choice" && shape.options.length <= CHOICE_BUTTONS_MAX
    ? shape.options
    : null;
}

function Choices({
  options,
  onAnswer,
}: {
  options: readonly Option[];
  onAnswer: Props["onAnswer"];
}) {
  return (
    <div class="question-choices">
      {options.map(({ label, value }) => (
        <button key={label} type="button" class="button" dir="auto" onClick={() => onAnswer(value)}>
          {label}
        </button>
      ))}
    </div>
  );
}

function noteOf(entry: OutboxEntry | undefined, leftMs: number, expiresAt: number): string {
  if (entry?.status === "refused") return `Not accepted: ${entry.error ?? "no reason was given"}`;
  if (entry !== undefined) return entry.status === "waiting" ? "Will be sent…" : "Sending…";
  if (leftMs <= 0) return "The time to answer is over.";
  if (leftMs <= COUNTED_DOWN_MS) return `${durationOfS(leftMs / 1_000)} left to answer.`;
  return `Answer by ${moment(expiresAt)}.`;
}

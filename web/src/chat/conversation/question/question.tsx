/** An agent's question, inline: the form, the time left, and the given answer. */
import type { InputStep, OutboxEntry, RunView } from "@threadcast/client";
import { useMemo, useRef } from "preact/hooks";
import { durationOfS } from "../../../design/durations.ts";
import { Icon } from "../../../design/icons.tsx";
import { moment } from "../format.ts";
import { useNow } from "../use_now.ts";
import { type Field, fieldOf, type Option } from "./field.ts";
import { Form } from "./form.tsx";
import { givenParts, givenWords } from "./given.ts";

const CHOICE_BUTTONS_MAX = 5;
const COUNTED_DOWN_MS = 120_000;

interface Props {
  run: RunView;
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
  const { run, step } = props;
  const field = useMemo(() => fieldOf(step.schema), [step.schema]);
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
      {step.status === "open" && <Open {...props} field={field} onAnswer={answer} />}
      {step.status === "answered" && <Answered field={field} value={step.value} />}
      {step.status === "abandoned" && <p class="hint">{closedWords(run)}</p>}
    </section>
  );
}

function Answered({ field, value }: { field: Field; value: unknown }) {
  const hasParts = typeof value === "object" && value !== null && !Array.isArray(value);
  return (
    <div class="question-answer" dir="auto">
      <Icon name="check" />
      <span class="sr-only">Answered: </span>
      {hasParts ? (
        <dl>
          {givenParts(field, value).map(({ label, words }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{words}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <span>{givenWords(field, value)}</span>
      )}
    </div>
  );
}

/** Stopping the run is the only way to skip a question. */
function closedWords({ status, reason }: RunView): string {
  const isSkipped = status === "cancelled" && reason === "cancelled by the user";
  return isSkipped ? "You skipped this question." : "This question was not answered.";
}

function Open({ step, field, entry, isStopping, onAnswer, onStop }: Props & { field: Field }) {
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

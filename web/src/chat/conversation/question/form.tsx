/** The form of a question; it submits only a valid answer. */
import { useId, useRef, useState } from "preact/hooks";
import { beginning, type Entered, type Problems, readAnswer } from "./answer.ts";
import { Control } from "./control.tsx";
import type { Field } from "./field.ts";

const NONE: Problems = new Map();

interface Props {
  field: Field;
  onAnswer: (value: unknown) => void;
}

export function Form({ field, onAnswer }: Props) {
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const [entered, setEntered] = useState<Entered>(() => beginning(field));
  const [problems, setProblems] = useState<Problems>(NONE);

  function submit(event: Event) {
    event.preventDefault();
    const reading = readAnswer(field, entered);
    setProblems(reading.problems ?? NONE);
    if (reading.problems === null) return onAnswer(reading.value);
    requestAnimationFrame(() => {
      form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    });
  }

  return (
    <form ref={form} noValidate onSubmit={submit}>
      <Control
        id={id}
        path=""
        field={field}
        entered={entered}
        problems={problems}
        onChange={setEntered}
      />
      <button type="submit" class="button primary">
        Answer
      </button>
    </form>
  );
}

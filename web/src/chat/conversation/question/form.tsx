/** The form of a question; it submits only a valid answer. */
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { plural } from "../../../design/plural.ts";
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
    if (reading.problems === null) onAnswer(reading.value);
  }

  useLayoutEffect(() => {
    const first = form.current?.querySelector<HTMLElement>("[aria-invalid=true]");
    // With its label and its problem, which the focus alone would leave out of view.
    first?.focus({ preventScroll: true });
    first?.closest(".field")?.scrollIntoView({ block: "nearest" });
  }, [problems]);

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
      <div class="form-foot">
        <button type="submit" class="button primary">
          Answer
        </button>
        <span class="problem" role="status">
          {field.shape.kind === "object" && problems.size > 0 && attention(problems.size)}
        </span>
      </div>
    </form>
  );
}

function attention(count: number): string {
  return `${plural(count, "field")} ${count === 1 ? "needs" : "need"} attention.`;
}

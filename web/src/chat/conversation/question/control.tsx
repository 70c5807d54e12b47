/** One field's control, with its label, its description and its problem. */
import type { ComponentChildren } from "preact";
import { sendable } from "../../sendable.ts";
import { type Entered, type Problems, pathOf } from "./answer.ts";
import type { Field, Option, Shape } from "./field.ts";

interface ControlProps {
  /** The form's id, a prefix of the ids of its elements. */
  id: string;
  path: string;
  field: Field;
  entered: Entered;
  problems: Problems;
  onChange: (entered: Entered) => void;
}

/** The attributes that tie a control to its label and notes. */
interface Ties {
  id: string;
  "aria-describedby": string;
  "aria-invalid": boolean;
  "aria-required": boolean;
}

export function Control(props: ControlProps) {
  const { shape } = props.field;
  if (shape.kind === "object") return <Group {...props} fields={shape.fields} />;
  if (shape.kind === "boolean") return <Tick {...props} />;
  if (shape.kind === "choices") return <Ticks {...props} options={shape.options} />;
  return <Labelled {...props}>{(ties) => <Input {...props} shape={shape} ties={ties} />}</Labelled>;
}

function Labelled({
  children,
  ...props
}: ControlProps & { children: (ties: Ties) => ComponentChildren }) {
  const id = `${props.id}/${props.path}`;
  const { field } = props;
  return (
    <div class="field">
      <label class="label" for={id} dir="auto">
        {field.label}
        <Optional field={field} />
      </label>
      {children({
        id,
        "aria-describedby": `${id}/hint ${id}/problem`,
        "aria-invalid": props.problems.has(props.path),
        "aria-required": field.isRequired,
      })}
      <Notes {...props} />
    </div>
  );
}

function Optional({ field }: { field: Field }) {
  return field.isRequired ? null : <span class="hint"> (optional)</span>;
}

/** The description of the whole answer is shown above the form instead. */
function Notes({ id, path, field, problems }: ControlProps) {
  return (
    <>
      <span class="hint" id={`${id}/${path}/hint`} dir="auto">
        {path === "" ? hintOf(field.shape) : field.description || hintOf(field.shape)}
      </span>
      <span class="problem" id={`${id}/${path}/problem`} role="alert">
        {problems.get(path) ?? ""}
      </span>
    </>
  );
}

function hintOf(shape: Shape): string {
  if (shape.kind === "lines") return "One per line.";
  if (shape.kind === "json") return "JSON, with texts in quotes.";
  if (shape.kind !== "number") return "";
  const { minimum, maximum } = shape;
  if (Number.isFinite(minimum) && Number.isFinite(maximum)) return `From ${minimum} to ${maximum}.`;
  if (Number.isFinite(minimum)) return `From ${minimum}.`;
  return Number.isFinite(maximum) ? `Up to ${maximum}.` : "";
}

function Input(props: ControlProps & { shape: Shape; ties: Ties }) {
  const { shape, ties, entered, onChange } = props;
  if (shape.kind === "choice") {
    return <Select options={shape.options} ties={ties} entered={entered} onChange={onChange} />;
  }
  const value = typeof entered === "string" ? entered : "";
  const type = (event: { currentTarget: { value: string } }) =>
    onChange(sendable(event.currentTarget.value));
  const isLong = shape.kind === "lines" || shape.kind === "json";
  if (isLong || (shape.kind === "text" && shape.format === "long")) {
    const isCode = shape.kind === "json";
    return (
      <textarea
        {...ties}
        class={isCode ? "input mono" : "input"}
        rows={isCode ? 5 : 3}
        dir={isCode ? "ltr" : "auto"}
        spellcheck={!isCode}
        value={value}
        onInput={type}
      />
    );
  }
  return (
    <input
      {...ties}
      class="input"
      type={inputType(shape)}
      inputMode={shape.kind === "number" ? (shape.isInteger ? "numeric" : "decimal") : undefined}
      dir="auto"
      autocomplete="off"
      value={value}
      onInput={type}
    />
  );
}

/** Typed as "text", because Preact types inputs as a union by their `type`. */
function inputType(shape: Shape): "text" {
  return (shape.kind === "text" ? shape.format : "text") as "text";
}

interface SelectProps {
  options: readonly Option[];
  ties: Ties;
  entered: Entered;
  onChange: (entered: Entered) => void;
}

function Select({ options, ties, entered, onChange }: SelectProps) {
  const [chosen] = indices(entered);
  return (
    <select
      {...ties}
      class="input"
      value={chosen === undefined ? "" : String(chosen)}
      onChange={(event) => {
        const { value } = event.currentTarget;
        onChange(value === "" ? [] : [Number(value)]);
      }}
    >
      <option value="">Choose…</option>
      {options.map(({ label }, index) => (
        <option key={index} value={String(index)}>
          {label}
        </option>
      ))}
    </select>
  );
}

function Tick(props: ControlProps) {
  const { id, path, field, entered, onChange } = props;
  return (
    <div class="field">
      <label class="tick" dir="auto">
        <input
          type="checkbox"
          aria-describedby={`${id}/${path}/hint`}
          checked={entered === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
        {field.label}
      </label>
      <Notes {...props} />
    </div>
  );
}

function Ticks(props: ControlProps & { options: readonly Option[] }) {
  const { field, entered, options, onChange } = props;
  const chosen = indices(entered);
  const change = (index: number, isChosen: boolean) => {
    const others = chosen.filter((one) => one !== index);
    onChange(isChosen ? [...others, index].sort((a, b) => a - b) : others);
  };
  return (
    <fieldset class="field ticks" tabIndex={-1} aria-invalid={props.problems.has(props.path)}>
      <legend class="label" dir="auto">
        {field.label}
        <Optional field={field} />
      </legend>
      {options.map(({ label }, index) => (
        <label key={index} class="tick" dir="auto">
          <input
            type="checkbox"
            checked={chosen.includes(index)}
            onChange={(event) => change(index, event.currentTarget.checked)}
          />
          {label}
        </label>
      ))}
      <Notes {...props} />
    </fieldset>
  );
}

function Group(props: ControlProps & { fields: readonly Field[] }) {
  const { path, field, fields, entered, onChange } = props;
  const isObject = typeof entered === "object" && !Array.isArray(entered);
  const held = (isObject ? entered : {}) as { readonly [name: string]: Entered };
  const controls = fields.map((one) => (
    <Control
      {...props}
      key={one.name}
      path={pathOf(path, one.name)}
      field={one}
      entered={held[one.name] ?? ""}
      onChange={(part) => onChange({ ...held, [one.name]: part })}
    />
  ));
  if (path === "") return <div class="fields">{controls}</div>;
  return (
    <fieldset class="fields group">
      <legend class="label" dir="auto">
        {field.label}
        <Optional field={field} />
      </legend>
      {controls}
    </fieldset>
  );
}

function indices(entered: Entered): readonly number[] {
  return Array.isArray(entered) ? entered : [];
}

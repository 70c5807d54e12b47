/** The sign-in form: by token, or by name on a development server. */
import { useSignal } from "@preact/signals";
import { ThreadcastError } from "@threadcast/client/request";
import type { TargetedInputEvent } from "preact";
import { useId, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Mark } from "../design/icons.tsx";
import { readPageFacts } from "../page_facts.ts";
import { developmentToken, signIn, signOutReason } from "./access.ts";

export function SignIn() {
  const { dev } = useMemo(readPageFacts, []);
  const text = useSignal("");
  const trouble = useSignal("");
  const isBusy = useSignal(false);
  const isByName = useSignal(dev);
  const ids = { field: useId(), hint: useId(), problem: useId() };
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => place.current?.querySelector("input")?.focus(), [isByName.value]);

  const submit = async () => {
    const given = text.value.trim();
    if (given === "" || isBusy.value) return;
    isBusy.value = true;
    trouble.value = "";
    try {
      await signIn(isByName.value ? await developmentToken(given) : given);
    } catch (problem) {
      if (!(problem instanceof ThreadcastError)) throw problem;
      trouble.value = problem.message;
    } finally {
      isBusy.value = false;
    }
  };

  const field = {
    id: ids.field,
    class: "input",
    autocomplete: "off",
    spellcheck: false,
    required: true,
    value: text.value,
    "aria-describedby": `${ids.hint} ${ids.problem}`,
    "aria-invalid": trouble.value !== "",
    onInput: (event: TargetedInputEvent<HTMLInputElement>) => {
      text.value = event.currentTarget.value;
    },
  } as const;
  return (
    <main class="sign-in-page">
      <form
        class="sign-in"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Mark size={40} />
        <h1>Operator’s console</h1>
        <p class="soft">{signOutReason.value || "How the server keeps its promises, live."}</p>
        <div class="field" ref={place}>
          <label class="label" for={ids.field}>
            {isByName.value ? "Name" : "Token"}
          </label>
          {isByName.value ? <input type="text" {...field} /> : <input type="password" {...field} />}
          <span class="hint" id={ids.hint}>
            {isByName.value
              ? "This is a development server: any name gets the scopes ops and content."
              : "It needs the scope ops, and content to read what users write. It is kept in memory, for this tab only."}
          </span>
          <span class="problem" id={ids.problem} role="alert">
            {trouble.value}
          </span>
        </div>
        <button type="submit" class="button primary wide" disabled={isBusy.value}>
          Sign in
        </button>
        {dev && (
          <button
            type="button"
            class="button quiet small"
            onClick={() => {
              isByName.value = !isByName.value;
              text.value = "";
              trouble.value = "";
            }}
          >
            {isByName.value ? "Use a token instead" : "Use a name instead"}
          </button>
        )}
      </form>
    </main>
  );
}

/** Where an operator shows a token; on a development server, a name is enough. */
import { useSignal } from "@preact/signals";
import { ThreadcastError } from "@threadcast/client/request";
import type { TargetedInputEvent } from "preact";
import { useId } from "preact/hooks";
import { Mark } from "../design/icons.tsx";
import { developmentToken, farewell, signIn } from "./access.ts";
import { isDevelopment } from "./facts.ts";

export function SignIn() {
  const text = useSignal("");
  const trouble = useSignal("");
  const busy = useSignal(false);
  const byName = useSignal(isDevelopment());
  const ids = { field: useId(), hint: useId(), problem: useId() };

  const submit = async () => {
    const given = text.value.trim();
    if (given === "" || busy.value) return;
    busy.value = true;
    trouble.value = "";
    try {
      await signIn(byName.value ? await developmentToken(given) : given);
    } catch (problem) {
      if (!(problem instanceof ThreadcastError)) throw problem;
      trouble.value = problem.message;
    } finally {
      busy.value = false;
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
    <main class="door">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Mark size={40} />
        <h1>Operator’s console</h1>
        <p class="soft">{farewell.value || "How the server keeps its promises, live."}</p>
        <div class="field">
          <label class="label" for={ids.field}>
            {byName.value ? "Name" : "Token"}
          </label>
          {byName.value ? <input type="text" {...field} /> : <input type="password" {...field} />}
          <span class="hint" id={ids.hint}>
            {byName.value
              ? "Any name: this server is for development, and makes a token with the scopes ops and content."
              : "With the scope ops; with content, too, if you may read what users write. It is kept in memory, for this tab alone."}
          </span>
          <span class="problem" id={ids.problem} role="alert">
            {trouble.value}
          </span>
        </div>
        <button type="submit" class="button primary wide" disabled={busy.value}>
          Sign in
        </button>
        {isDevelopment() && (
          <button
            type="button"
            class="button quiet small"
            onClick={() => {
              byName.value = !byName.value;
              text.value = "";
              trouble.value = "";
            }}
          >
            {byName.value ? "Use a token instead" : "Use a name instead"}
          </button>
        )}
      </form>
    </main>
  );
}

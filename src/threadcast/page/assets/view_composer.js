/** The box in which messages are written, with its buttons. */

const CONTENT_MAX_CHARACTERS = 65_536;

/**
 * @param elements `{ form, text, stop, note }`
 * @param actions `{ send(content), stop() }`
 */
export function composerView({ form, text, stop, note }, actions) {
  const drafts = new Map();
  let openKey = null;

  function submit(event) {
    event.preventDefault();
    const content = text.value.toWellFormed?.() ?? text.value;
    if (content.trim() === "" || isTooLong(content)) return;
    text.value = "";
    fit();
    actions.send(content);
  }

  function isTooLong(content) {
    const length = content.length > CONTENT_MAX_CHARACTERS ? [...content].length : 0;
    const isLong = length > CONTENT_MAX_CHARACTERS;
    note.textContent = isLong
      ? `A message has at most ${CONTENT_MAX_CHARACTERS.toLocaleString()} characters; this one has `
        + `${length.toLocaleString()}.` : "";
    return isLong;
  }

  /** As high as its text, where the browser does not do that by itself. */
  function fit() {
    if (CSS.supports("field-sizing", "content")) return;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
  }

  form.addEventListener("submit", submit);
  stop.addEventListener("click", () => actions.stop());
  text.addEventListener("input", () => {
    note.textContent = "";
    fit();
  });
  text.addEventListener("keydown", (event) => {
    const isPlain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    const sends = event.key === "Enter" && isPlain && !event.isComposing
      && matchMedia("(pointer: fine)").matches;
    if (sends) submit(event);
  });

  return {
    /**
     * @param canStop whether a run of the open thread is under way
     * @param isClosed whether there is nowhere to write to
     */
    update({ key, canStop, isStopping, isClosed }) {
      if (key !== openKey) {
        drafts.set(openKey, text.value);
        text.value = drafts.get(key) ?? "";
        drafts.delete(key);
        openKey = key;
        fit();
      }
      form.hidden = isClosed;
      stop.hidden = !canStop;
      stop.disabled = isStopping;
    },
    /** What is being written belongs to this key from now on. */
    rename(key) {
      openKey = key;
    },
    write(content) {
      text.value = content;
      fit();
      text.focus();
    },
    focus() {
      form.hidden = false;
      if (matchMedia("(pointer: fine)").matches) text.focus({ preventScroll: true });
    },
    clear() {
      drafts.clear();
      text.value = "";
      note.textContent = "";
      fit();
    },
  };
}

/** A text of the server, with what is between backticks as code. */
export function Prose({ text = "" }: { text?: string | undefined }) {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}

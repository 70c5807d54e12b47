/** A sentence of the server, in which backticks mark what is typed. */
export function Prose({ text }: { text: string }) {
  return (
    <>
      {text
        .split("`")
        .map((part, place) => (place % 2 === 1 ? <code key={part}>{part}</code> : part))}
    </>
  );
}

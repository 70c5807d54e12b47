/** The console as a whole: who is signed in, and the view that is open. */
export function Console() {
  return <main>Threadcast console</main>;
}

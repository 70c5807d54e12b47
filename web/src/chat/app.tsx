/** The chat page as a whole: who is signed in, the threads, and the one that is open. */
import "../design/design.css";

export function App() {
  return <main>Threadcast</main>;
}

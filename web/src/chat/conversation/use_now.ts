/** The time, once a second, for what counts on the screen. */
import { useEffect, useState } from "preact/hooks";

const TICK_MS = 1_000;

/** Milliseconds since the epoch; stands still while nothing counts. */
export function useNow(isCounting: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isCounting) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [isCounting]);
  return now;
}

/** The time, updated every second, for elapsed and remaining times. */
import { useEffect, useState } from "preact/hooks";

const TICK_MS = 1_000;

/** Milliseconds since the epoch; frozen unless `isCounting`. */
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

/** Whether one points with a finger: keys appear on the screen then, and cover half of it. */
export function isTouched(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}

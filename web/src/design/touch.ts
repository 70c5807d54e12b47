/** Whether the main pointer is a finger: then the keyboard is on the screen, and covers half of it. */
export function isTouched(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}

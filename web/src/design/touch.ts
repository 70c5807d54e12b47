/** Whether the pointer is a finger: to focus a text field then opens the on-screen keyboard. */
export function isTouched(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}

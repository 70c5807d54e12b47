/** Stand-in. */
export const SHORTCUTS: readonly { keys: readonly string[]; does: string }[] = [];

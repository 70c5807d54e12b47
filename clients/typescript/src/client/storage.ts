/** Stores an item, or removes it if it is null. */
export function store(storage: Storage | undefined, name: string, item: string | null): void {
  try {
    if (item === null) storage?.removeItem(name);
    else storage?.setItem(name, item);
  } catch {
    // The storage is full or forbidden: what is kept lives as long as the page.
  }
}

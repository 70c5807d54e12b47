/**
 * The heights of a list's items: measured once rendered, estimated before. Maps indices to offsets
 * and back. Pure.
 */

export class Heights {
  readonly #measured = new Map<string, number>();
  #keys: readonly string[] = [];
  #estimate: (index: number) => number = () => 0;
  /** The offset of each item, then the total height; valid up to the index `#goodTo`. */
  #starts: number[] = [0];
  #goodTo = 0;

  /** @param estimate guesses the height of an item that was not measured */
  setItems(keys: readonly string[], estimate: (index: number) => number) {
    this.#estimate = estimate;
    if (keys === this.#keys) return;
    const most = Math.min(this.#goodTo, keys.length);
    let same = 0;
    while (same < most && keys[same] === this.#keys[same]) same += 1;
    this.#keys = keys;
    this.#goodTo = same;
  }

  /** Record an item's measured height. Returns whether it has changed. */
  measure(key: string, height: number): boolean {
    if (this.#measured.get(key) === height) return false;
    this.#measured.set(key, height);
    const index = this.#keys.lastIndexOf(key);
    if (index !== -1) this.#goodTo = Math.min(this.#goodTo, index);
    return true;
  }

  get total(): number {
    return this.startOf(this.#keys.length);
  }

  /** The offset of an item; for the number of items, the total height. */
  startOf(index: number): number {
    for (let at = this.#goodTo; at < index; at += 1) {
      const key = this.#keys[at] ?? "";
      const height = this.#measured.get(key) ?? this.#estimate(at);
      this.#starts[at + 1] = (this.#starts[at] ?? 0) + height;
    }
    this.#goodTo = Math.max(this.#goodTo, index);
    return this.#starts[index] ?? 0;
  }

  /** The index of the item at an offset; the nearest one for offsets outside. */
  indexAt(offset: number): number {
    this.startOf(this.#keys.length);
    let low = 0;
    let high = Math.max(0, this.#keys.length - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * The heights of the items of a list: measured where an item has been seen, estimated elsewhere.
 * Pure. It answers where an item begins and which items lie between two offsets.
 */

export class Heights {
  readonly #measured = new Map<string, number>();
  #keys: readonly string[] = [];
  #estimate: (index: number) => number = () => 0;
  /** Where each item begins, and at the end the whole height; good up to `#goodTo`. */
  #starts: number[] = [0];
  #goodTo = 0;

  /** @param estimate a guess of an item's height, for those that were not measured */
  setItems(keys: readonly string[], estimate: (index: number) => number) {
    this.#estimate = estimate;
    if (keys === this.#keys) return;
    const most = Math.min(this.#goodTo, keys.length);
    let same = 0;
    while (same < most && keys[same] === this.#keys[same]) same += 1;
    this.#keys = keys;
    this.#goodTo = same;
  }

  /** An item's height was measured; returns whether it is another one than before. */
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

  /** Where an item begins; for the number of items, where the last one ends. */
  startOf(index: number): number {
    for (let at = this.#goodTo; at < index; at += 1) {
      const key = this.#keys[at] ?? "";
      const height = this.#measured.get(key) ?? this.#estimate(at);
      this.#starts[at + 1] = (this.#starts[at] ?? 0) + height;
    }
    this.#goodTo = Math.max(this.#goodTo, index);
    return this.#starts[index] ?? 0;
  }

  /** The index of the item that an offset lies in; the nearest one for offsets outside. */
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

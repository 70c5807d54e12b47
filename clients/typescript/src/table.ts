/**
 * Rows by id, as a value: a change gives another table and leaves this one as it is.
 *
 * The rows are one array, which is copied in a fraction of the time that an object with as many keys
 * takes; tables that came of one another share the index of where each row is.
 */
import type { Table } from "./model.ts";

interface Row {
  readonly id: string;
}

class Rows<T extends Row> implements Table<T> {
  #rows: readonly T[];
  /** The place of each row. It only grows; rows that came later are beyond the end of `#rows`. */
  #places: Map<string, number>;

  constructor(rows: readonly T[], places = new Map(rows.map(({ id }, place) => [id, place]))) {
    this.#rows = rows;
    this.#places = places;
  }

  get size(): number {
    return this.#rows.length;
  }

  get(id: string): T | undefined {
    return this.#rows[this.#places.get(id) ?? -1];
  }

  values(): ArrayIterator<T> {
    return this.#rows.values();
  }

  /** With these rows in place of, or beside, those that are there. */
  with(changed: readonly T[]): Rows<T> {
    const rows = [...this.#rows];
    let places = this.#places;
    for (const row of changed) {
      const place = places.get(row.id) ?? rows.length;
      if (place < rows.length) rows[place] = row;
      else {
        // Another table came of this one and has grown: this one needs an index of its own.
        if (places.size > rows.length) places = new Rows(rows).#places;
        places.set(row.id, rows.push(row) - 1);
      }
    }
    return new Rows(rows, places);
  }
}

/** A table of these rows; where two have the same id, of the later one. */
export const tableOf = <T extends Row>(rows: readonly T[] = []): Table<T> =>
  new Rows<T>([]).with(rows);

/** With these rows in place of, or beside, those that are there. */
export const withRows = <T extends Row>(table: Table<T>, changed: readonly T[]): Table<T> =>
  (table as Rows<T>).with(changed);

/** Without the rows of these ids. */
export const withoutRows = <T extends Row>(table: Table<T>, ids: readonly string[]): Table<T> =>
  tableOf([...table.values()].filter(({ id }) => !ids.includes(id)));

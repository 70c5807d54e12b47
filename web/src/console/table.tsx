/** An accessible table that scrolls sideways on a narrow screen. */
import type { ComponentChildren } from "preact";
import { Scrolled } from "./scrolled.tsx";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers are aligned to the end of their column. */
  readonly isNumber?: boolean;
}

interface Props<Row> {
  readonly caption: string;
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** The first column is the row header. */
  readonly columns: readonly Column<Row>[];
  /** Shown if there are no rows. */
  readonly nothing: string;
}

export function Table<Row>({ caption, rows, keyOf, columns, nothing }: Props<Row>) {
  if (rows.length === 0) return <p class="nothing">{nothing}</p>;
  return (
    <Scrolled label={caption}>
      <table class="table">
        <caption class="sr-only">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={column.isNumber ? "number" : undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, index) => {
                const look = column.isNumber ? "number" : undefined;
                return index === 0 ? (
                  <th key={column.title} scope="row" class={look}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.title} class={look}>
                    {column.cell(row)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

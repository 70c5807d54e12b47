/** The events of a run as a table, the waterfall's text alternative. */
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { count } from "../format.ts";
import { Scrolled } from "../scrolled.tsx";
import { type EventRow, eventRows } from "./event_rows.ts";
import { offset } from "./scale.ts";
import type { RunEvent } from "./waterfall.ts";

const ROWS_MAX = 200;

interface Props {
  readonly events: readonly RunEvent[];
  readonly began: number;
  readonly position: number;
}

export function EventTable({ events, began, position }: Props) {
  const showsAll = useSignal(false);
  const rows = useMemo(() => eventRows(events), [events]);
  const limit = showsAll.value ? rows.length : ROWS_MAX;
  const current = rows.findLast((row) => row.first.at <= position);
  // A replay moves in every frame, but few moves change the current row.
  const shown = useMemo(
    () =>
      rows
        .slice(0, limit)
        .map((row) => (
          <EventTableRow key={row.first.seq} row={row} began={began} isCurrent={row === current} />
        )),
    [rows, limit, began, current],
  );
  return (
    <>
      <Scrolled label="Events of the run">
        <table class="table">
          <caption class="sr-only">Events of the run, in order</caption>
          <thead>
            <tr>
              <th scope="col" class="number">
                Seq
              </th>
              <th scope="col" class="number">
                After
              </th>
              <th scope="col">Event</th>
              <th scope="col">Data</th>
            </tr>
          </thead>
          <tbody>{shown}</tbody>
        </table>
      </Scrolled>
      {shown.length < rows.length && (
        <button
          type="button"
          class="button small"
          onClick={() => {
            showsAll.value = true;
          }}
        >
          Show all {count(rows.length)} rows
        </button>
      )}
    </>
  );
}

interface RowProps {
  readonly row: EventRow;
  readonly began: number;
  readonly isCurrent: boolean;
}

function EventTableRow({ row, began, isCurrent }: RowProps) {
  return (
    <tr aria-current={isCurrent ? "step" : undefined}>
      <th scope="row" class="number">
        {row.first.seq}
        {row.events > 1 && `–${row.last.seq}`}
      </th>
      <td class="number">{offset(row.first.at - began)}</td>
      <td>
        <code>{row.first.type}</code>
        {row.events > 1 && <span class="hint">{`\u00a0×\u00a0${count(row.events)}`}</span>}
      </td>
      <td class="says">{row.says}</td>
    </tr>
  );
}

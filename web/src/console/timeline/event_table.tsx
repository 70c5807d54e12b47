/** The events of a run as a table: what the waterfall shows, in words. */
import { useSignal } from "@preact/signals";
import { count } from "../format.ts";
import { Scrolled } from "../scrolled.tsx";
import { eventRows } from "./event_rows.ts";
import { offset } from "./scale.ts";
import type { RunEvent } from "./waterfall.ts";

const ROWS_MAX = 200;

interface Props {
  readonly events: readonly RunEvent[];
  readonly began: number;
  readonly position: number;
}

export function EventTable({ events, began, position }: Props) {
  const all = useSignal(false);
  const rows = eventRows(events);
  const shown = all.value ? rows : rows.slice(0, ROWS_MAX);
  const current = rows.findLast((row) => row.first.at <= position);
  return (
    <>
      <Scrolled label="Events of the run">
        <table class="table">
          <caption class="unseen">Events of the run, in order</caption>
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
          <tbody>
            {shown.map((row) => (
              <tr key={row.first.seq} aria-current={row === current ? "step" : undefined}>
                <th scope="row" class="number">
                  {row.first.seq}
                  {row.events > 1 && `–${row.last.seq}`}
                </th>
                <td class="number">{offset(row.first.at - began)}</td>
                <td>
                  <code>{row.first.type}</code>
                  {row.events > 1 && <span class="hint"> × {count(row.events)}</span>}
                </td>
                <td class="says">{row.says}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolled>
      {shown.length < rows.length && (
        <button
          type="button"
          class="button small"
          onClick={() => {
            all.value = true;
          }}
        >
          Show all {count(rows.length)} rows
        </button>
      )}
    </>
  );
}

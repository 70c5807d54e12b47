/** One user: devices with their cursors, runs, and the actions of an operator. */
import { disconnect, signOutEverywhere } from "../actions/actions.ts";
import { ActionButton } from "../actions/dialog.tsx";
import { FindForm } from "../find_form.tsx";
import { count, moment } from "../format.ts";
import { serverNow } from "../live.ts";
import type { Device, FoundUser, RunLine } from "../ops.ts";
import { open } from "../route.ts";
import { type Column, Table } from "../table.tsx";
import { useAnswer } from "../watch.ts";
import { Ago } from "./ages.tsx";
import { Id } from "./ids.tsx";
import { NoAnswer, Panel } from "./panel.tsx";
import { ENDED_COLUMNS, RUN_COLUMNS } from "./run_columns.tsx";
import { Tile } from "./tile.tsx";

const EVERY_MS = 2_000;

export function UsersView({ id }: { id: string }) {
  const { answer, problem } = useAnswer<FoundUser>(id, EVERY_MS, (server) =>
    server.post("ops/users/find", { user: id }),
  );
  const isThere = answer !== null && problem?.status !== 404;
  return (
    <div class="view">
      <h1>{id === "" ? "Users" : <span class="id">{id}</span>}</h1>
      <FindForm label="User id" sought={id} onFind={(user) => open({ view: "users", id: user })} />
      {id === "" && <p class="nothing">Look up a user by the id in their token.</p>}
      {id !== "" && !isThere && <NoAnswer problem={problem} sought="user" />}
      {id !== "" && isThere && <Found user={answer} />}
    </div>
  );
}

function Found({ user }: { user: FoundUser }) {
  const lags = user.devices.map((device) => device.lag_events).filter((lag) => lag !== null);
  return (
    <>
      <dl class="tiles">
        <Tile name="Devices" value={count(user.devices.length)} hint={behind(lags)} />
        <Tile
          name="Journal"
          value={count(user.head)}
          hint={
            <>
              {`events${user.trimmed > 0 ? `, trimmed up to ${count(user.trimmed)}` : ""}`}{" "}
              <Id id={user.feed} />
            </>
          }
        />
        <Tile
          name="Runs"
          value={count(user.active.length)}
          hint={`live, of ${count(user.runs)} in total`}
        />
        <Tile name="Threads" value={count(user.threads)} hint="not deleted" />
        <Tile
          name="Signed out everywhere"
          value={user.signed_out_at === null ? "never" : <Ago at={user.signed_out_at} />}
          hint={
            user.signed_out_at === null
              ? "No tokens were revoked."
              : `Tokens issued before ${moment(user.signed_out_at, serverNow.value)} are void.`
          }
        />
      </dl>
      <Panel
        title="Devices"
        aside={
          <span class="buttons">
            <ActionButton proposal={disconnect(user.user, null)} label="Disconnect all" />
            <ActionButton proposal={signOutEverywhere(user.user)} label="Sign out everywhere" />
          </span>
        }
      >
        <Table<Device>
          caption="Live connections, oldest first"
          rows={user.devices}
          keyOf={(device) => device.connection_id}
          columns={deviceColumns(user.user)}
          nothing="No device is connected."
        />
      </Panel>
      <Panel title="Live runs">
        <Table<RunLine>
          caption="Runs that have not ended, oldest first"
          rows={user.active}
          keyOf={(run) => run.run_id}
          columns={RUN_COLUMNS}
          nothing="No live run."
        />
      </Panel>
      <Panel title="Ended runs">
        <Table<RunLine>
          caption="Runs that have ended, latest first"
          rows={user.ended}
          keyOf={(run) => run.run_id}
          columns={ENDED_COLUMNS}
          nothing="No run has ended yet."
        />
      </Panel>
    </>
  );
}

function behind(lags: readonly number[]): string {
  const most = Math.max(0, ...lags);
  return most === 0 ? "None is behind." : `One is ${count(most)} events behind.`;
}

function deviceColumns(user: string): readonly Column<Device>[] {
  return [
    { title: "Device", cell: (one) => <Named device={one} /> },
    { title: "Transport", cell: (one) => (one.kind === "websocket" ? "WebSocket" : "SSE") },
    { title: "Since", isNumber: true, cell: (one) => <Ago at={one.opened_at} /> },
    { title: "Cursor", isNumber: true, cell: (one) => count(one.cursor) },
    { title: "Behind", isNumber: true, cell: (one) => <Lag device={one} /> },
    { title: "Node", cell: (one) => <Id id={one.node_id} /> },
    {
      title: "Action",
      cell: (one) => (
        <ActionButton proposal={disconnect(user, one.connection_id)} label="Disconnect" />
      ),
    },
  ];
}

function Named({ device }: { device: Device }) {
  return (
    <span class="stack">
      <Id id={device.connection_id} />
      <span class="hint">{device.agent ?? "unknown client"}</span>
    </span>
  );
}

function Lag({ device: { lag_events: lag, live } }: { device: Device }) {
  if (lag === null) return <span class="soft">–</span>;
  const kind = lag === 0 ? "good" : "warn";
  const words = lag === 0 ? "none" : `${count(lag)} events`;
  return <span class={`badge ${kind}`}>{live === false ? `${words}, catching up` : words}</span>;
}

/** One run: its facts, its waterfall with a replay, and its events. */
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { cancelRun } from "../actions/actions.ts";
import { ActionButton } from "../actions/dialog.tsx";
import { FindForm } from "../find_form.tsx";
import { count, duration, moment, span } from "../format.ts";
import { serverNow } from "../live.ts";
import type { FoundRun } from "../ops.ts";
import { open } from "../route.ts";
import { EventTable } from "../timeline/event_table.tsx";
import { type RunEvents, readOn } from "../timeline/read.ts";
import { extentOf, type Replay } from "../timeline/replay.ts";
import { ReplayView } from "../timeline/replay_view.tsx";
import { waterfall } from "../timeline/waterfall.ts";
import { Waterfall } from "../timeline/waterfall_view.tsx";
import { useAnswer } from "../watch.ts";
import { Id, UserLink } from "./ids.tsx";
import { NoAnswer, Panel } from "./panel.tsx";
import { StatusBadge } from "./run_columns.tsx";
import { Tile } from "./tile.tsx";

const EVERY_MS = 2_000;

export function RunView({ id }: { id: string }) {
  const found = useAnswer<FoundRun>(`run ${id}`, EVERY_MS, (server) =>
    server.get(`ops/runs/${encodeURIComponent(id)}`),
  );
  const read = useAnswer<RunEvents>(`timeline ${id}`, EVERY_MS, (server, before) =>
    readOn(server, id, before),
  );
  const run = found.answer;
  return (
    <div class="view">
      <h1>
        <span class="id">{id}</span> {run !== null && <StatusBadge status={run.run.status} />}
      </h1>
      <FindForm label="Run id" sought={id} onFind={(next) => open({ view: "runs", id: next })} />
      {run === null ? (
        <NoAnswer problem={found.problem} sought="run" />
      ) : (
        <>
          <Facts found={run} />
          {read.answer === null ? (
            <NoAnswer problem={read.problem} sought="timeline" />
          ) : (
            <TimelinePanel read={read.answer} lease={leaseOf(run)} />
          )}
        </>
      )}
    </div>
  );
}

function Facts({ found }: { found: FoundRun }) {
  const { run, user } = found;
  const now = serverNow.value;
  const isOver = run.ended_at !== null;
  const began = run.started_at ?? run.ended_at ?? now;
  return (
    <>
      <dl class="tiles">
        <Tile name="User" value={<UserLink id={user} />} hint={<Id id={run.thread_id} />} />
        <Tile name="Agent" value={run.agent} hint={`attempt ${count(run.attempt)}`} />
        <Tile
          name="Created"
          value={moment(run.created_at, now)}
          hint={`waited ${duration(began - run.created_at)} in the queue`}
        />
        <Tile
          name={isOver ? "Took" : "Running for"}
          value={duration((run.ended_at ?? now) - run.created_at)}
          hint={
            found.cancel_reason === null ? "since its message" : `cancelled: ${found.cancel_reason}`
          }
        />
        <Tile name="Node" value={<Id id={run.owner} />} hint={heldFor(found)} />
        <Tile
          name="Fence"
          value={count(found.fence)}
          hint={`after a crash: ${found.on_crash}; handed over ${count(found.handed_over)} times`}
        />
      </dl>
      {!isOver && (
        <div class="buttons">
          <ActionButton proposal={cancelRun(run.run_id, user)} label="Cancel the run" />
        </div>
      )}
    </>
  );
}

function heldFor({ lease_left_s: left, run }: FoundRun): string {
  if (left === null) return run.ended_at === null ? "not started yet" : "ended";
  return left < 0 ? `lease expired ${span(-left)} ago` : `lease expires in ${span(left)}`;
}

function leaseOf(found: FoundRun): string {
  const { owner } = found.run;
  return owner === null ? "" : `of ${owner}, fence ${found.fence}, ${heldFor(found)}`;
}

/** The replay stays at the end of an active run until the operator moves it. */
function TimelinePanel({ read, lease }: { read: RunEvents; lease: string }) {
  const moved = useSignal<Replay | null>(null);
  const { events, isOver, hasContent } = read;
  const whole = extentOf(events);
  const extent = isOver ? whole : { ...whole, to: Math.max(whole.to, serverNow.value) };
  const replay = moved.value ?? { position: extent.to, pace: 1, isPlaying: false };
  const rows = useMemo(() => waterfall(events, lease), [events, lease]);
  return (
    <>
      <Panel title="Timeline" aside={!isOver && <span class="badge info">live</span>}>
        <ReplayView
          events={events}
          extent={extent}
          replay={replay}
          hasContent={hasContent}
          onChange={(next) => {
            moved.value = next;
          }}
        />
        <Waterfall rows={rows} extent={extent} position={replay.position} />
      </Panel>
      <Panel title="Events">
        <EventTable events={events} began={extent.from} position={replay.position} />
        {read.hasMore && <p class="hint">Loading more…</p>}
      </Panel>
    </>
  );
}

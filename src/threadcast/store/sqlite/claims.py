"""The unit by which a node claims runs: users take turns.

Whatever waits, a claim looks at a bounded number of users and of threads of each, by index. A
queued run that has an owner is executed by another service. The first queued run of a thread is
next unless a run of that thread is owned; all that is queued in a thread is claimed in the order of
sending, also when some of it is for other nodes' agents.
"""

from __future__ import annotations

import msgspec

from ...events import MessageCreated, encode_json
from ...runs import CLAIM_THREADS_MAX, CLAIM_USERS_MAX, EXTERNAL_OWNER
from ..units import Claim, ClaimedRun, ClaimRuns, Committed, Lease, Outcome
from .batch import Batch
from .questions import going_on
from .records import RunRecord, address_of, read_run, set_status

# Users with runs that wait, in a circle: those behind ?1 first, then from the beginning; and those
# in ?4. Of each the threads with runs that wait, and whose turn it is. Each step is one look into
# the index `runs_next`. A first row without a run has the circle's last user that was looked at, if
# there may be others.
_NEXT_RUNS = f"""
WITH RECURSIVE circle (user, step) AS (
    SELECT ?1, 0
    UNION ALL
    SELECT CASE WHEN c.step = 0 OR c.user > ?1 THEN coalesce((
        SELECT min(user) FROM runs WHERE status = 1 AND owner IS NULL AND user > c.user
    ), (
        SELECT min(user) FROM runs WHERE status = 1 AND owner IS NULL AND user <= ?1
    )) ELSE (
        SELECT min(user) FROM runs
        WHERE status = 1 AND owner IS NULL AND user > c.user AND user <= ?1
    ) END, c.step + 1
    FROM circle AS c WHERE c.user IS NOT NULL AND c.step < {CLAIM_USERS_MAX}
), among (user) AS (
    SELECT user FROM circle WHERE step > 0 AND user IS NOT NULL
    UNION SELECT value FROM json_each(?4)
), threads_of (user, thread, step) AS (
    SELECT a.user, (
        SELECT min(thread) FROM runs WHERE status = 1 AND owner IS NULL AND user = a.user
    ), 1
    FROM among AS a
    UNION ALL
    SELECT t.user, (
        SELECT min(thread) FROM runs
        WHERE status = 1 AND owner IS NULL AND user = t.user AND thread > t.thread
    ), t.step + 1
    FROM threads_of AS t WHERE t.thread IS NOT NULL AND t.step < {CLAIM_THREADS_MAX}
), heads (user, thread, run) AS (
    SELECT t.user, t.thread, (
        SELECT min(run) FROM runs
        WHERE status = 1 AND owner IS NULL AND user = t.user AND thread = t.thread
    )
    FROM threads_of AS t WHERE t.thread IS NOT NULL
), executing (user, count) AS (
    SELECT a.user, (
        SELECT count(*) FROM runs
        WHERE user = a.user AND owner IS NOT NULL AND owner <> '{EXTERNAL_OWNER}'
    )
    FROM among AS a
), turns (run, turn, executing_max) AS (
    SELECT q.run, e.count + row_number() OVER (PARTITION BY q.user ORDER BY q.run), q.executing_max
    FROM heads AS h
    CROSS JOIN runs AS q ON q.run = h.run
    JOIN executing AS e ON e.user = h.user
    WHERE q.agent IN (SELECT value FROM json_each(?2))
    AND NOT EXISTS (
        SELECT 1 FROM runs AS o
        WHERE o.user = h.user AND o.thread = h.thread AND o.owner IS NOT NULL
        AND (o.status > 1 OR o.run < h.run)
    )
)
SELECT NULL AS turn, NULL AS run, user FROM circle
WHERE step = {CLAIM_USERS_MAX} AND user IS NOT NULL
UNION ALL
SELECT * FROM (
    SELECT turn, run, NULL FROM turns WHERE executing_max IS NULL OR turn <= executing_max
    ORDER BY turn, run LIMIT ?3
)
ORDER BY turn, run
"""  # noqa: S608 - joined from constants only
_CLAIM = """
UPDATE runs SET status = 2, owner = ?1, lease_until = ?2, fence = fence + 1, attempt = attempt + 1,
started_us = coalesce(started_us, ?3) WHERE run = ?4
"""


def claim_runs(batch: Batch, unit: ClaimRuns) -> Outcome:
    """Apply one `ClaimRuns`."""
    batch.flush()
    names = encode_json(list(unit.agents)).decode()
    named = [user for user_id in unit.users if (user := batch.user(user_id)) is not None]
    rows = batch.all(_NEXT_RUNS, unit.after, names, unit.limit, encode_json(named).decode())
    reached = rows.pop(0)[2] if rows and rows[0][1] is None else None
    return Committed(Claim([_claim(batch, unit, run) for _, run, _ in rows], reached))


def _claim(batch: Batch, unit: ClaimRuns, run: int) -> ClaimedRun:
    lease_until = batch.lease_now + unit.lease_s
    batch.run(_CLAIM, unit.owner, lease_until, batch.at_us, run)
    record = read_run(batch, run)
    batch.words[run] = record.word
    if record.attempt > 1:  # a question of the attempt before may still be open
        set_status(batch, record, going_on(batch, record.run))
    address = address_of(batch, record)
    batch.known.runs.put((address.user_id, record.run_id), record.row_keys)
    state = batch.one("SELECT state FROM checkpoints WHERE run = ?", run)
    return ClaimedRun(
        lease=Lease(address, record.fence, unit.owner),
        agent=record.agent,
        attempt=record.attempt,
        message=_message_of(batch, record),
        message_seq=record.message_seq,
        on_disconnect="cancel" if record.on_disconnect == "cancel" else "continue",
        state=None if state is None else state[0],
        cancel_reason=record.cancel_reason,
    )


def _message_of(batch: Batch, record: RunRecord) -> str:
    row = batch.one(
        "SELECT data FROM events WHERE user = ? AND seq = ?", record.user, record.message_seq
    )
    if row is None:
        raise AssertionError("the message of a live run is never trimmed")
    return msgspec.json.decode(row[0], type=MessageCreated).content

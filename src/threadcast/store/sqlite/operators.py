"""Operators' queries and units. Nothing here belongs to one user."""
# ruff: noqa: S608 - these are joined from constants only

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from ...runs import LIVE_RUNS_COUNTED_MAX, RunStatus
from ..operator_units import (
    FORGOTTEN_AT_ONCE_MAX,
    AskPositions,
    AskToDrain,
    BeginAction,
    EndAction,
    TellPositions,
)
from ..place_units import PLACES_COUNTED_MAX
from ..records import ActionRow, LiveRunCount, RunFacts
from ..stored_runs import QUEUED, STATUS_CODE, STATUS_OF_CODE
from ..units import Committed, Outcome
from .batch import Batch
from .run_rows import runs_facts
from .statements import RUN_FACTS_COLUMNS, RUN_FACTS_TABLES

_MICROSECONDS = 1_000_000
_ORDINAL_MAX = 2**63 - 1
_BEGIN = """
INSERT INTO operator_actions (at_us, action_id, operator, action, target, user_id, reason, node_id,
request_id, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FORGET = """
DELETE FROM operator_actions
WHERE ordinal IN (SELECT ordinal FROM operator_actions ORDER BY ordinal LIMIT ?3)
AND (at_us < ?2 OR ordinal <= (SELECT max(ordinal) FROM operator_actions) - ?1)
"""
_END = "UPDATE operator_actions SET outcome = ?2, detail = ?3 WHERE action_id = ?1"
_ACTIONS = """
SELECT json_group_array(json_array(
    action_id, at_us, operator, action, target, user_id, reason, node_id, request_id, outcome,
    detail, ordinal
) ORDER BY ordinal DESC) FROM (
    SELECT * FROM operator_actions WHERE ordinal < ?1 ORDER BY ordinal DESC LIMIT ?2
)
"""
_ASK = """
UPDATE connections SET asked = 1 WHERE user = ?1 AND unwanted IS NULL
"""
_TELL = """
UPDATE connections SET asked = 0, cursor = ?3, live = ?4, said_at = ?5
WHERE user = ?1 AND connection_id = ?2
"""
_DRAIN = "UPDATE nodes SET drain = 1 WHERE node_id = ?1 AND lease_until > ?2"
_FIND_RUN = f"""
SELECT json_group_array(json_array({RUN_FACTS_COLUMNS}))
FROM {RUN_FACTS_TABLES} WHERE r.run = (SELECT min(run) FROM runs WHERE run_id = ?1)
"""
_LIVE = f"""
SELECT * FROM (SELECT * FROM runs WHERE status <= 3 LIMIT {LIVE_RUNS_COUNTED_MAX})
"""
_LIVE_RUNS = f"""
SELECT json_group_array(json_array({RUN_FACTS_COLUMNS}) ORDER BY r.created_us, r.run)
FROM {RUN_FACTS_TABLES} WHERE r.run IN (
    SELECT run FROM ({_LIVE}) WHERE ?1 IS NULL OR status = ?1 ORDER BY created_us, run LIMIT ?2
)
"""
# With min(), SQLite takes a column that stands alone from the row that has the minimum.
_COUNT_LIVE_RUNS = f"""
WITH live AS MATERIALIZED ({_LIVE}), taken AS (
    SELECT user, thread, max(status) AS behind FROM live WHERE status > {QUEUED}
    GROUP BY user, thread
), counted AS (
    SELECT l.status, t.behind, count(*) AS count, min(l.created_us), l.run
    FROM live AS l LEFT JOIN taken AS t
    ON l.status = {QUEUED} AND t.user = l.user AND t.thread = l.thread
    GROUP BY l.status, t.behind
)
SELECT json_group_array(json_array(
    c.status, c.behind, c.count, r.run_id, u.user_id, r.created_us
)) FROM counted AS c JOIN runs AS r ON r.run = c.run JOIN users AS u ON u.user = r.user
"""
_COUNT_CONNECTED_USERS = f"""
SELECT json_array(count(DISTINCT user), count(*)) FROM (
    SELECT user FROM connections AS c WHERE unwanted IS NULL
    AND EXISTS (SELECT 1 FROM nodes AS n WHERE n.node_id = c.node_id AND n.lease_until > ?1)
    LIMIT {PLACES_COUNTED_MAX} + 1
)
"""
_decode_rows = msgspec.json.Decoder(list[list[Any]]).decode
_decode_counts = msgspec.json.Decoder(tuple[int, int]).decode


def begin_action(batch: Batch, unit: BeginAction) -> Outcome:
    """Apply one `BeginAction`."""
    one = unit.action
    named = (one.action_id, one.operator, one.action, one.target, one.user_id, one.reason)
    rest = (one.node_id, one.request_id, one.outcome, one.detail)
    at_us = int(one.at * _MICROSECONDS)
    batch.run(_BEGIN, at_us, *named, *rest)
    kept_us = int(unit.kept_s * _MICROSECONDS)
    batch.run(_FORGET, unit.kept_max, at_us - kept_us, FORGOTTEN_AT_ONCE_MAX)
    return Committed(None)


def end_action(batch: Batch, unit: EndAction) -> Outcome:
    """Apply one `EndAction`."""
    batch.run(_END, unit.action_id, unit.outcome, unit.detail)
    return Committed(None)


def ask_positions(batch: Batch, unit: AskPositions) -> Outcome:
    """Apply one `AskPositions`."""
    user = batch.user(unit.context.user_id)
    if user is not None:
        batch.run(_ASK, user)
    return Committed(None)


def tell_positions(batch: Batch, unit: TellPositions) -> Outcome:
    """Apply one `TellPositions`."""
    for one in unit.standings:
        user = batch.user(one.user_id)
        batch.run(_TELL, user, one.connection_id, one.cursor, one.live, batch.lease_now)
    return Committed(None)


def ask_to_drain(batch: Batch, unit: AskToDrain) -> Outcome:
    """Apply one `AskToDrain`."""
    return Committed(batch.run(_DRAIN, unit.node_id, batch.lease_now) > 0)


def find_run(connection: apsw.Connection, run_id: str, now: float) -> RunFacts | None:
    """See `Store.find_run`; `now` is the store's time."""
    found = runs_facts(_text(connection, _FIND_RUN, run_id), now)
    return found[0] if found else None


def live_runs(
    connection: apsw.Connection, status: RunStatus | None, limit: int, now: float
) -> list[RunFacts]:
    """See `Store.live_runs`; `now` is the store's time."""
    code = None if status is None else STATUS_CODE[status]
    return runs_facts(_text(connection, _LIVE_RUNS, code, limit), now)


def count_live_runs(connection: apsw.Connection) -> list[LiveRunCount]:
    """See `Store.count_live_runs`."""
    return [_live_run_count(*row) for row in _decode_rows(_text(connection, _COUNT_LIVE_RUNS))]


def _live_run_count(
    status: int, behind: int | None, count: int, run_id: str, user_id: str, created_us: int
) -> LiveRunCount:
    held_by = None if behind is None else STATUS_OF_CODE[behind]
    oldest = (run_id, user_id, created_us / _MICROSECONDS)
    return LiveRunCount(STATUS_OF_CODE[status], held_by, count, *oldest)


def count_connected_users(connection: apsw.Connection, now: float) -> int | None:
    """See `Store.count_connected_users`; `now` is the store's time."""
    users, places = _decode_counts(_text(connection, _COUNT_CONNECTED_USERS, now))
    return users if places <= PLACES_COUNTED_MAX else None


def actions(connection: apsw.Connection, limit: int, before: int | None) -> list[ActionRow]:
    """See `Store.actions`."""
    last = _ORDINAL_MAX if before is None else before
    return [
        ActionRow(action_id, at_us / _MICROSECONDS, *rest)
        for action_id, at_us, *rest in _decode_rows(_text(connection, _ACTIONS, last, limit))
    ]


def _text(connection: apsw.Connection, sql: str, *bindings: Any) -> str:
    return str(connection.execute(sql, bindings).get)

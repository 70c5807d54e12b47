"""What messages meet in the store: their threads, live runs, used keys.

One statement for all messages of a batch, under the locks on their users. It decides nothing and
writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import ThreadcastError
from ...runs import EXTERNAL_OWNER
from ..units import SendMessage
from .batch import Batch
from .keys import user_key

# Everything that decides about messages, in one query: thread, run id, live runs, used key. Not by
# EXISTS, for which the planner may hash all rows.
_SITUATIONS = """
SELECT n.number, t.thread, t.state,
(SELECT true FROM runs AS r WHERE r.user_key = n.user_key AND r.run_id = n.run_id),
(
    SELECT count(*) FROM runs AS r
    WHERE r.user_key = n.user_key AND r.status <= 3 AND r.owner IS DISTINCT FROM $5::text
),
(
    SELECT true FROM runs AS r
    WHERE r.user_key = n.user_key AND r.thread = t.thread AND r.status <= 3 LIMIT 1
),
(
    SELECT true FROM sends AS s
    WHERE s.user_key = n.user_key AND s.client_message_id = n.client_message_id
)
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY
AS n (user_key, thread_id, run_id, client_message_id, number)
LEFT JOIN threads AS t ON t.user_key = n.user_key AND t.thread_id = n.thread_id
"""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a message meets.

    Attributes:
        user: the user's key.
        thread: its thread's number; None for a new one.
        user_live: how many runs of the user have not ended.
        busy: whether any of them are in the thread.
    """

    user: str
    thread: int | None
    user_live: int
    busy: bool


async def situations_of(
    batch: Batch, units: Sequence[SendMessage]
) -> list[Situation | ThreadcastError | None]:
    """What each message meets: None if its key was used before, an error if it is refused.

    Args:
        batch: the users of these messages have journals, and are locked.
        units: the messages; the effects of one on another are not considered.
    """
    users = [user_key(unit.context.user_id) for unit in units]
    rows = await batch.all(
        _SITUATIONS,
        users,
        [unit.context.thread_id for unit in units],
        [unit.context.run_id for unit in units],
        [unit.client_message_id for unit in units],
        EXTERNAL_OWNER,
    )
    met: list[Situation | ThreadcastError | None] = [None] * len(units)
    for number, thread, state, known_run, user_live, busy, sent in rows:
        index = number - 1
        fault = _fault(units[index], thread=thread, state=state, known_run=known_run)
        situation = Situation(users[index], thread, user_live, bool(busy))
        met[index] = None if sent else fault or situation
    return met


def _fault(
    unit: SendMessage, *, thread: int | None, state: int | None, known_run: bool | None
) -> ThreadcastError | None:
    if unit.new_thread and thread is not None:
        return ThreadcastError("bad_id", "expected the id of a new thread, got one in use")
    if not unit.new_thread and state != 0:
        return ThreadcastError("not_found")
    if known_run:
        return ThreadcastError("bad_id", "expected the id of a new run, got one in use")
    return None

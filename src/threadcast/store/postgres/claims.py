"""The unit by which a node claims runs: users take turns.

Two statements. The first finds the next users and takes, without waiting, an advisory lock on
claiming for each; users locked by another node are skipped. Only the second counts executing runs
and claims, because its snapshot includes everything committed before: so two nodes together never
exceed a user's bound.
"""

from __future__ import annotations

import msgspec

from ...events import Address, MessageCreated
from ..units import Claim, ClaimedRun, ClaimRuns, Committed, Lease, Outcome
from .across_users import CLAIM, TURNS
from .batch import Batch
from .connecting import Row
from .keys import user_key


async def claim_runs(batch: Batch, unit: ClaimRuns) -> Outcome:
    """Apply one `ClaimRuns`. A user's key, as a number, is where the user stands in the circle."""
    agents, named = list(unit.agents), [user_key(user_id) for user_id in unit.users]
    after = None if unit.after is None else f"{unit.after:032x}"
    row = await batch.one(TURNS, agents, unit.limit, after, named)
    if row is None:
        raise AssertionError("values without a row")
    users, last = row
    arguments = (agents, unit.limit, users, unit.owner, unit.lease_s, batch.at_us)
    rows = await batch.all(CLAIM, *arguments) if users else []
    claimed = [_claimed(row, unit.owner) for row in rows]
    return Committed(Claim(claimed, None if last is None else last.int))


def _claimed(row: Row, owner: str) -> ClaimedRun:
    user_id, thread_id, run_id, fence, agent, attempt, data, seq, on_disconnect, state, why = row
    return ClaimedRun(
        lease=Lease(Address(user_id, thread_id, run_id), fence, owner),
        agent=agent,
        attempt=attempt,
        message=msgspec.json.decode(data, type=MessageCreated).content,
        message_seq=seq,
        on_disconnect="cancel" if on_disconnect == "cancel" else "continue",
        state=state,
        cancel_reason=why,
    )

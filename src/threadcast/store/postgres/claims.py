"""The unit by which a node claims runs: users take turns.

Two statements. The first finds the next users and takes, without waiting, an advisory lock on
claiming for each; users locked by another node are skipped. Only the second counts executing runs
and claims, because its snapshot includes everything committed before: so two nodes together never
exceed a user's bound.
"""

from __future__ import annotations

import msgspec

from ...events import Address, MessageCreated
from ..units import ClaimedRun, ClaimRuns, Committed, Lease, Outcome
from .across_users import CLAIM, TURNS
from .batch import Batch
from .connecting import Row
from .keys import user_key

_BEFORE_ALL = "0" * 32


async def claim_runs(batch: Batch, unit: ClaimRuns) -> Outcome:
    """Apply one `ClaimRuns`."""
    agents = list(unit.agents)
    after = _BEFORE_ALL if unit.after is None else user_key(unit.after)
    users = [row[0] for row in await batch.all(TURNS, agents, unit.limit, after)]
    if not users:
        return Committed([])
    arguments = (agents, unit.limit, users, unit.owner, unit.lease_s, batch.at_us, batch.now)
    return Committed([_claimed(row, unit.owner) for row in await batch.all(CLAIM, *arguments)])


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

"""Gives every journal of a store a new feed id, in batches, after a restore.

Each batch is one commit. Running it again from the beginning is always right; continuing where it
ended only saves time. Nothing here knows which store it is, nor a terminal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

from ..clock import Clock
from ..store import Store
from ..store.migration_units import FeedsStep, RenewFeeds
from ..store.units import Rejected

__all__ = ["renew_feeds"]


async def renew_feeds(
    store: Store, clock: Clock, *, after: str, batch_journals: int, user_id: str | None = None
) -> AsyncIterator[FeedsStep]:
    """Give journals new feed ids; each step is committed when it is yielded.

    Args:
        store: open.
        clock: wall time.
        after: an empty text, or `next` of a step of an earlier run.
        batch_journals: how many journals one commit renews, >= 1.
        user_id: only this user's journal; None for all.

    Raises:
        ThreadcastError: the store cannot commit; what was committed before stays.
    """
    wanted: str | None = after
    while wanted is not None:
        unit = RenewFeeds(wanted, batch_journals, user_id)
        (outcome,) = await store.commit([unit], now=clock.now())
        if isinstance(outcome, Rejected):
            raise outcome.error
        step = cast("FeedsStep", outcome.result)
        yield step
        wanted = step.next

"""A unit that gives journals another feed id, in the order of their users' rows."""

from __future__ import annotations

from ...errors import ThreadcastError
from ...ids import UnifiedIdGenerator
from ..migration_units import FeedsStep, RenewFeeds
from ..units import Committed, Outcome
from .batch import Batch

_NEXT = "SELECT user FROM users WHERE user > ? ORDER BY user LIMIT ?"
_JOURNAL = "SELECT user FROM users WHERE user_id = ?"
_SET_FEED = "UPDATE users SET feed = ? WHERE user = ?"


def renew_feeds(batch: Batch, unit: RenewFeeds) -> Outcome:
    """Apply one `RenewFeeds`."""
    if unit.user_id is not None:
        rows = batch.all(_JOURNAL, unit.user_id)
    else:
        rows = batch.all(_NEXT, _row_of(unit.after), unit.limit)
    feed = UnifiedIdGenerator.generate_base_id
    batch.connection.executemany(_SET_FEED, [(feed("feed"), user) for (user,) in rows])
    more = unit.user_id is None and len(rows) == unit.limit
    return Committed(FeedsStep(len(rows), str(rows[-1][0]) if more else None))


def _row_of(after: str) -> int:
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise ThreadcastError("bad_request", "after: expected a number of a user")
    return int(after or 0)

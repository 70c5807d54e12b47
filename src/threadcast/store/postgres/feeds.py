"""A unit that gives journals another feed id, in the order of their users' keys."""

from __future__ import annotations

import re

from ...errors import ThreadcastError
from ...ids import UnifiedIdGenerator
from ..migration_units import FeedsStep, RenewFeeds
from ..units import Committed, Outcome
from .across_users import NEXT_JOURNALS
from .batch import Batch
from .keys import user_key

_JOURNAL = "SELECT user_key::text FROM users WHERE user_key = $1 FOR UPDATE"
_SET_FEEDS = """
UPDATE users SET feed = n.feed
FROM unnest($1::uuid[], $2::text[]) AS n (user_key, feed) WHERE users.user_key = n.user_key
"""
_BEFORE_ALL = "0" * 32
_is_key = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}").fullmatch


async def renew_feeds(batch: Batch, unit: RenewFeeds) -> Outcome:
    """Apply one `RenewFeeds`."""
    if unit.user_id is not None:
        rows = await batch.all(_JOURNAL, user_key(unit.user_id))
    else:
        rows = await batch.all(NEXT_JOURNALS, _key_of(unit.after), unit.limit)
    users = [row[0] for row in rows]
    if users:
        feeds = [UnifiedIdGenerator.generate_base_id("feed") for _ in users]
        await batch.run(_SET_FEEDS, users, feeds)
    more = unit.user_id is None and len(users) == unit.limit
    return Committed(FeedsStep(len(users), users[-1] if more else None))


def _key_of(after: str) -> str:
    if after and _is_key(after) is None:
        raise ThreadcastError("bad_request", "after: expected a key of a user")
    return after or _BEFORE_ALL

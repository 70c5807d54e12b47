"""Units about a user as a whole: opening the journal, and revoking credentials."""

from __future__ import annotations

from ...bus import SessionsRevoked
from ..records import JournalHead
from ..units import Committed, OpenJournal, Outcome, RevokeSessions
from .batch import Batch

_JOURNAL = "SELECT feed, trimmed, revoked_before FROM users WHERE user_key = $1"
_REVOKE_ALL = """
UPDATE users SET revoked_before = greatest(revoked_before, $2) WHERE user_key = $1
"""
_REVOKE_ONE = """
INSERT INTO revoked_tokens (user_key, token_id, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (user_key, token_id) DO UPDATE
SET expires_at = greatest(revoked_tokens.expires_at, excluded.expires_at)
"""
_REVOKED = """
INSERT INTO revocations (user_key, revoked_at) VALUES ($1, clock_timestamp())
ON CONFLICT (user_key) DO UPDATE SET revoked_at = excluded.revoked_at
"""


async def open_journal(batch: Batch, unit: OpenJournal) -> Outcome:
    """Apply one `OpenJournal`; the journal was made when its user was locked."""
    user = batch.existing_user(unit.context.user_id)
    row = await batch.one(_JOURNAL, user)
    if row is None:
        raise AssertionError("a user's row is never deleted")
    feed, trimmed, revoked_before = row
    return Committed(JournalHead(feed, batch.head(user), trimmed, revoked_before))


async def revoke_sessions(batch: Batch, unit: RevokeSessions) -> Outcome:
    """Apply one `RevokeSessions`; revoked credentials stay revoked."""
    user = batch.existing_user(unit.context.user_id)
    if unit.before is not None:
        await batch.run(_REVOKE_ALL, user, unit.before)
    if unit.token_id is not None:
        expires_at = float("inf") if unit.token_expires_at is None else unit.token_expires_at
        await batch.run(_REVOKE_ONE, user, unit.token_id, expires_at)
    await batch.run(_REVOKED, user)
    return Committed(None, (), (SessionsRevoked(unit.context.user_id),))

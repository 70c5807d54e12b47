"""Units about a user as a whole: opening the journal, and revoking credentials."""

from __future__ import annotations

from ...bus import SessionsRevoked
from ..records import JournalHead
from ..units import Committed, OpenJournal, Outcome, RevokeSessions
from .batch import Batch


def open_journal(batch: Batch, unit: OpenJournal) -> Outcome:
    """Apply one `OpenJournal`."""
    user = batch.ensure_user(unit.context.user_id)
    row = batch.one("SELECT feed, trimmed, revoked_before FROM users WHERE user = ?", user)
    if row is None:
        raise AssertionError("a user's row is never deleted")
    feed, trimmed, revoked_before = row
    return Committed(JournalHead(feed, batch.head(user), trimmed, revoked_before))


def revoke_sessions(batch: Batch, unit: RevokeSessions) -> Outcome:
    """Apply one `RevokeSessions`; revoked credentials stay revoked."""
    user = batch.ensure_user(unit.context.user_id)
    if unit.before is not None:
        batch.run(
            "UPDATE users SET revoked_before = max(revoked_before, ?) WHERE user = ?",
            *(unit.before, user),
        )
    if unit.token_id is not None:
        expires_at = float("inf") if unit.token_expires_at is None else unit.token_expires_at
        batch.run(
            "INSERT INTO revoked_tokens (user, token_id, expires_at) VALUES (?, ?, ?)"
            " ON CONFLICT (user, token_id) DO UPDATE SET"
            " expires_at = max(expires_at, excluded.expires_at)",
            *(user, unit.token_id, expires_at),
        )
    batch.run(
        "INSERT INTO revocations (user, revoked_at) VALUES (?, ?)"
        " ON CONFLICT (user) DO UPDATE SET revoked_at = excluded.revoked_at",
        *(user, batch.lease_now),
    )
    return Committed(None, (), (SessionsRevoked(unit.context.user_id),))

"""Signing out: `/v1/sessions/revoke`."""

from __future__ import annotations

from starlette.types import ASGIApp

from ..store.units import RevokeSessions
from ..wire.http_models import RevokeSessionsBody
from .answers import empty_answer
from .calls import UserCall
from .requests import read_query


async def revoke_sessions(call: UserCall) -> ASGIApp:
    """`POST /v1/sessions/revoke`: one token, or all of the caller's that were issued until now.

    Open connections learn of it by the hint that the store returns with the commit.
    """
    read_query(call.request)
    body = await call.optional_body(RevokeSessionsBody)
    unit = RevokeSessions(
        call.context,
        before=call.node.clock.now() if body.token_id is None else None,
        token_id=body.token_id,
        token_expires_at=body.token_expires_at,
    )
    await call.node.journal.append(unit)
    return empty_answer()

"""Fills a database before a server is started on it, through the store's own commits."""

from __future__ import annotations

from collections.abc import Sequence

from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.settings import Settings
from threadcast.stores import store_of
from threadcast.units import CreateThread

_UNITS_PER_COMMIT = 2_000


async def fill(database_url: str, users: Sequence[str], *, events_each: int) -> None:
    """Give every user a journal with so many events: threads that were created."""
    settings = Settings(database_url=database_url, jwt_secret="x" * 32, database_timeout_s=60.0)
    store = store_of(settings, SystemClock())
    await store.open()
    try:
        at_once = max(1, _UNITS_PER_COMMIT // events_each)
        for first in range(0, len(users), at_once):
            some = users[first : first + at_once]
            units = [
                CreateThread(UserExecutionContext.create(user, "fill"), "what was missed", {})
                for user in some
                for _ in range(events_each)
            ]
            await store.commit(units, now=SystemClock().now())
    finally:
        await store.close()

"""Says why no answer comes: the connection stands, and the server cannot reach its store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..client import CommandRejected
from ..errors import ThreadcastError

_QUIET_S = 4.0
_CANNOT_STORE = frozenset({"unavailable", "storage_full"})


class QuietWatch:
    """Looks at the store while something is waited for and nothing comes.

    Args:
        read: reads something small from the store.
        say: shows a line to the person.
        waits: whether something is waited for.
        quiet_s: how long nothing has to come, in seconds; and from look to look.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[object]],
        say: Callable[[str], None],
        waits: Callable[[], bool],
        *,
        quiet_s: float = _QUIET_S,
    ) -> None:
        self._read = read
        self._say = say
        self._waits = waits
        self._quiet_s = quiet_s
        self._heard = False
        self._is_away = False

    def heard(self) -> None:
        """Something came."""
        self._heard = True

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._heard = False
            await asyncio.sleep(self._quiet_s)
            if self._is_away or (self._waits() and not self._heard):
                await self._look()

    async def _look(self) -> None:
        was_away = self._is_away
        try:
            await self._read()
        except CommandRejected as error:
            self._is_away = error.server_code in _CANNOT_STORE
        except ThreadcastError:
            return  # the connection's own state tells
        else:
            self._is_away = False
        if self._is_away and not was_away:
            self._say("the server cannot reach its store now; it goes on when it can")
        elif was_away and not self._is_away:
            self._say("the server reaches its store again")

"""SIGHUP: reads the settings again and applies the live ones.

It reads the sources of the start: the same file, the environment of the start, the options. An
invalid file changes nothing. It may not know what a setting does.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..app import Threadcast
from ..errors import ConfigurationError
from ..settings import LiveChange, Settings, risks
from .logs import configure_logging

__all__ = ["SettingsReload", "ignore_hangup"]

log = logging.getLogger(__name__)


def ignore_hangup() -> None:
    """Ignore SIGHUP until it is handled: a starting server reads the settings anyway."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


class SettingsReload:
    """Reads the settings again on request; requests during a reading cause one more.

    Args:
        threadcast: the running server.
        read: reads and checks all sources; may block, raises `ConfigurationError`.

    The caller runs `run` in a task for as long as the server lives.
    """

    def __init__(self, threadcast: Threadcast, read: Callable[[], Settings]) -> None:
        self._threadcast = threadcast
        self._read = read
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Request a reading."""
        self._asked.set()

    async def run(self) -> None:
        """Serve requests until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                self._take(await asyncio.to_thread(self._read))
            except ConfigurationError as error:
                log.error("the settings stay as they are: %s", error)

    @contextmanager
    def on_hangup(self) -> Iterator[None]:
        """Make SIGHUP a request within the block, on systems that have it."""
        if not hasattr(signal, "SIGHUP"):
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.ask)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    def _take(self, wanted: Settings) -> None:
        change = self._threadcast.take_settings(wanted)
        if {"log_level", "log_format"}.intersection(change.applied):
            configure_logging(change.settings.log_level, change.settings.log_format)
        _tell(change)


def _tell(change: LiveChange) -> None:
    log.info("settings were read again; changed: %s", ", ".join(change.applied) or "nothing")
    if change.waiting:
        log.warning("settings that need a restart: %s", ", ".join(change.waiting))
    if change.applied:
        for risk in risks(change.settings):
            log.warning("%s", risk)

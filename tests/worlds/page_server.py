"""A real `threadcast serve` for tests of pages, where a name is enough to sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server_process import ServerProcess


class PageServer(ServerProcess):
    """A server with `--dev`, unless `DEV` is set, and otherwise with the defaults of a user."""

    limitless = False
    has_secret = False

    @property
    def url(self) -> str:
        """The address of the chat page, with a slash at its end."""
        return f"{super().url}/"

    def _arguments(self) -> list[str]:
        dev = () if "THREADCAST_DEV" in self._environment else ("--dev",)
        return [*super()._arguments(), *dev]


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[PageServer]:
    """A server that listens, and is gone after the block; see `ServerProcess` for the settings."""
    server = PageServer(folder, **settings)
    try:
        await server.start()
        yield server
    finally:
        await server.close()

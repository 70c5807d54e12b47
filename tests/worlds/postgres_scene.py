"""Fixtures for tests of the shared store: a schema on a real server, stores, direct SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from database_proxy import DatabaseProxy, proxied
from patience import DATABASE_WAIT_S
from postgres_server import PostgresServer
from store_scene import NOW, Scene
from threadcast.clock import Clock
from threadcast.store.postgres import PostgresStore
from threadcast.testing.clock import ManualClock


def times_moved_back(seconds: float, schema: str) -> str:
    """Move all stored times back, because the database's clock cannot be moved on."""
    return "; ".join(
        f"UPDATE {schema}.{table} SET {column} = {column} - interval '{seconds} s'"
        for table, column in (
            ("runs", "lease_until"),
            ("nodes", "lease_until"),
            ("nodes", "started_at"),
            ("revocations", "revoked_at"),
            ("inputs", "open_until"),
        )
    )


class PostgresScene:
    """One schema of a server, and its open stores.

    Args:
        server: a running one.
        url: of the schema, for the role that row-level security applies to.
        proxy: the proxy of `lossy` stores.
    """

    def __init__(self, server: PostgresServer, url: str, proxy: DatabaseProxy) -> None:
        self.server = server
        self.url = url
        self.proxy = proxy
        self.schema = url.rpartition("=")[2]
        self._open: list[PostgresStore] = []

    async def store(
        self, *, lossy: bool = False, clock: Clock | None = None, **settings: Any
    ) -> PostgresStore:
        """An open store of another node.

        It is patient with a busy machine. With `lossy`, it connects through the proxy, and each
        statement is sent with its text, so that it can be held by that. `settings` come first.
        """
        url = self.proxy.through(self.url) if lossy else self.url
        settings = {"timeout_s": DATABASE_WAIT_S, **settings}
        if lossy:
            settings = {"prepare_statements": False, **settings}
        store = PostgresStore(url, clock=clock or ManualClock(NOW), **settings)
        await store.open()
        self._open.append(store)
        return store

    async def node(self, **settings: Any) -> Scene:
        """The same, as a `Scene`."""
        return Scene(await self.store(**settings))

    async def run(self, sql: str, *arguments: Any) -> list[Any]:
        """Run SQL as the superuser, in this schema."""
        return await self.server.run(sql, *arguments, search_path=self.schema)

    async def pass_time(self, seconds: float) -> None:
        """See `times_moved_back`."""
        await self.run(times_moved_back(seconds, self.schema))

    async def close(self) -> None:
        """Close every store."""
        while self._open:
            await self._open.pop().close()


@asynccontextmanager
async def postgres_scene(server: PostgresServer) -> AsyncIterator[PostgresScene]:
    """A new schema; stores opened on it are closed after the block."""
    async with proxied(server.port) as proxy:
        scene = PostgresScene(server, await server.new_schema(), proxy)
        try:
            yield scene
        finally:
            await scene.close()

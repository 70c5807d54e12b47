"""Opens the settings' store for a command's exclusive use."""

from __future__ import annotations

from ..clock import Clock
from ..settings import Settings, is_postgres, sqlite_path
from ..store import Store
from ..store.choice import postgres_store
from ..store.sqlite import SqliteStore
from . import exits

_STATEMENT_MAX_S = 60.0  # batches are larger than a server's


async def opened_store(
    settings: Settings,
    clock: Clock,
    *,
    create: bool = False,
    rehearsal: bool = False,
    beside_nodes: bool = False,
) -> Store:
    """Open the store; the caller must close it.

    Args:
        settings: name the database.
        clock: this program's.
        create: whether to make a file that is missing.
        rehearsal: whether everything is rolled back when the store is closed.
        beside_nodes: whether nodes may be running; a file never has two users.

    Raises:
        CommandFailed: nodes are running.
        StoreInUse: the same, of a file.
        ConfigurationError, ThreadcastError: see `Store.open`.
    """
    if not is_postgres(settings.database_url):
        path = sqlite_path(settings.database_url)
        file = SqliteStore(path, clock=clock, create=create, rehearsal=rehearsal)
        await file.open()
        return file
    store = postgres_store(settings, clock, rehearsal=rehearsal, timeout_s=_STATEMENT_MAX_S)
    at_work = 0 if beside_nodes else await store.nodes_at_work()
    if at_work:
        await store.close()
        count = "a node is" if at_work == 1 else f"{at_work:,} nodes or connections are"
        raise exits.CommandFailed(
            f"{store.name}: {count} at work on it; stop them first", exits.CANNOT_CREATE
        )
    await store.open()
    return store

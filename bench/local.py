"""What is measured inside one process: ids and request-scoped sessions."""

from __future__ import annotations

import tempfile
import time
import timeit
import uuid
from pathlib import Path
from statistics import median

from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.ids import UnifiedIdGenerator
from threadcast.store.session import RequestScopedSessionFactory
from threadcast.store.sqlite import SqliteStore

_ROUNDS = 9
_IDS = 50_000
_SESSIONS = 2_000


def id_cost_ratio() -> tuple[float, float, float]:
    """The costs of an id and of `uuid.uuid4()` in microseconds, and their median ratio."""
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        ours.append(
            timeit.timeit(lambda: UnifiedIdGenerator.generate_base_id("bench"), number=_IDS)
        )
        theirs.append(timeit.timeit(lambda: str(uuid.uuid4()), number=_IDS))
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return median(ours) / _IDS * 1e6, median(theirs) / _IDS * 1e6, median(ratios)


async def session_times_ms() -> tuple[list[float], list[float]]:
    """Milliseconds to open and close a session, without and with one read."""
    with tempfile.TemporaryDirectory(prefix="threadcast-bench-") as folder:
        store = SqliteStore(str(Path(folder) / "s.db"), clock=SystemClock())
        await store.open()
        sessions = RequestScopedSessionFactory(store)
        context = UserExecutionContext.create("user", "bench")
        bare, reading = [], []
        for _ in range(_SESSIONS):
            started = time.perf_counter()
            async with sessions.open(context):
                pass
            between = time.perf_counter()
            async with sessions.open(context) as session:
                await session.journal.head()
            bare.append((between - started) * 1000)
            reading.append((time.perf_counter() - between) * 1000)
        await store.close()
    return bare, reading

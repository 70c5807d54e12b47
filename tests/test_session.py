"""Sessions of one request: ids are checked first, one task uses them, they close on every path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from store_scene import NOW, Scene, completed, context_of, question, run_context
from threadcast.errors import ThreadcastError
from threadcast.ids import UnifiedIdGenerator
from threadcast.settings import CheckMode
from threadcast.store.session import RequestScopedSession, RequestScopedSessionFactory
from threadcast.store.sqlite import SqliteStore
from threadcast.store.units import AliasThread, AppendToRun, RevokeSessions
from threadcast.testing.clock import ManualClock

LEGACY = "different-thread-abcd1234"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "a.db", clock=ManualClock(NOW), reader_count=1)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def factory(store: SqliteStore, failures: list[str]) -> RequestScopedSessionFactory:
    return RequestScopedSessionFactory(store, on_lookup_failed=failures.append)


async def _code(session: RequestScopedSession, thread_id: str) -> tuple[str, str]:
    with pytest.raises(ThreadcastError) as caught:
        await session.threads.get_by_id(thread_id)
    return caught.value.code, caught.value.message


async def test_a_thread_by_its_id(store: SqliteStore, factory: RequestScopedSessionFactory) -> None:
    context = await Scene(store).thread("ann", "mine")
    async with factory.open(context) as session:
        assert session.context is context
        assert (await session.threads.get_by_id(context.thread_id)).title == "mine"
        assert [row.title for row in await session.threads.list(limit=5)] == ["mine"]


async def test_a_legacy_id_names_the_way_to_migrate(
    store: SqliteStore, factory: RequestScopedSessionFactory, failures: list[str]
) -> None:
    context = await Scene(store).thread("ann", "was older")
    await Scene(store).thread("bob")
    async with factory.open(context) as session:
        code, message = await _code(session, LEGACY)
    assert code == "legacy_id"
    assert "migrate the thread first" in message
    await Scene(store).committed(AliasThread(context, LEGACY))
    async with factory.open(context) as session:
        assert (await session.threads.get_by_id(LEGACY)).thread_id == context.thread_id
    async with factory.open(context_of("bob")) as session:
        assert (await _code(session, LEGACY))[0] == "legacy_id"
    assert failures == ["legacy_id", "legacy_id"]


async def test_a_foreign_thread_is_one_that_never_existed(
    store: SqliteStore, factory: RequestScopedSessionFactory, failures: list[str]
) -> None:
    theirs = await Scene(store).thread("ann")
    await Scene(store).thread("bob")
    async with factory.open(context_of("bob")) as session:
        foreign = await _code(session, theirs.thread_id)
        unknown = await _code(session, context_of("bob").thread_id)
    assert foreign == unknown == ("not_found", "There is no such thing.")
    assert failures == ["not_found", "not_found"]


async def test_the_thread_of_a_later_run_is_in_its_row(
    store: SqliteStore, factory: RequestScopedSessionFactory, failures: list[str]
) -> None:
    first = await Scene(store).thread("ann")
    later = context_of("ann", first.thread_id)
    await Scene(store).send(later, new_thread=False)
    async with factory.open(later) as session:
        assert (await session.threads.get_by_run_id(later.run_id)).thread_id == first.thread_id
        assert (await session.runs.get_by_id(later.run_id)).thread_id == first.thread_id
    async with factory.open(context_of("bob")) as session:
        for lookup in (session.threads.get_by_run_id, session.runs.get_by_id):
            with pytest.raises(ThreadcastError, match="not_found"):
                await lookup(later.run_id)
    assert failures == ["not_found"]


async def test_the_other_repositories(
    store: SqliteStore, factory: RequestScopedSessionFactory
) -> None:
    scene = Scene(store)
    claimed = await scene.running("ann", content="find me")
    context = run_context(claimed)
    await scene.committed(question(claimed.lease))
    await scene.committed(AppendToRun(claimed.lease, [completed("found")]))
    await scene.committed(RevokeSessions(context, None, "jti", NOW + 9))
    async with factory.open(context) as session:
        rows = await session.messages.list(context.thread_id, limit=9)
        assert [row.message.content for row in rows] == ["find me", "found"]
        assert [hit.content for hit in await session.messages.search("find", limit=9)] == [
            "find me"
        ]
        assert [row.input_id for row in await session.runs.inputs(context.run_id)] == ["input-1"]
        assert (await session.journal.head()).head == 5
        events = (await session.journal.page(3, limit=9, max_bytes=999)).events
        assert [event.seq for event in events] == [4, 5]
        assert await session.journal.timestamp(5) == b"1763629200.000000"
        assert (await session.journal.head("jti")).token_revoked


@pytest.mark.parametrize(("mode", "logged"), [("warn", 1), ("off", 0)])
async def test_softer_checks_ask_the_store(
    store: SqliteStore,
    failures: list[str],
    caplog: pytest.LogCaptureFixture,
    mode: CheckMode,
    logged: int,
) -> None:
    factory = RequestScopedSessionFactory(
        store, id_validation=mode, on_lookup_failed=failures.append
    )
    with caplog.at_level(logging.WARNING, "threadcast.store.session"):
        async with factory.open(context_of("ann")) as session:
            assert (await _code(session, "no id"))[0] == "not_found"
    assert len(caplog.records) == logged
    assert failures == ["not_found"]


async def test_another_task_may_not_use_it(factory: RequestScopedSessionFactory) -> None:
    async with factory.open(context_of("ann")) as session:
        other = asyncio.create_task(session.journal.head(), name="thief")
        with pytest.raises(RuntimeError, match="'thief' used it; open one per task"):
            await other
        assert (await session.journal.head()).head == 0


async def test_nobody_may_use_it_after_its_end(factory: RequestScopedSessionFactory) -> None:
    async with factory.open(context_of("ann")) as session:
        pass
    for read in (session.journal.head, lambda: session.threads.list(limit=1)):
        with pytest.raises(RuntimeError, match="this session is closed"):
            await read()


async def _all_readers_are_free(store: SqliteStore) -> None:
    async with asyncio.timeout(5):
        assert await store.heads(["ann"]) == {}


async def test_it_closes_on_return_and_error(
    store: SqliteStore, factory: RequestScopedSessionFactory
) -> None:
    async def early() -> int:
        async with factory.open(context_of("ann")) as session:
            return (await session.journal.head()).head

    async def failing() -> None:
        async with factory.open(context_of("ann")) as session:
            await session.journal.head()
            raise ZeroDivisionError

    assert await early() == 0
    await _all_readers_are_free(store)
    with pytest.raises(ZeroDivisionError):
        await failing()
    await _all_readers_are_free(store)


async def test_it_closes_on_cancellation_wherever_it_comes(
    store: SqliteStore, factory: RequestScopedSessionFactory
) -> None:
    async def work(reached: asyncio.Event) -> None:
        async with factory.open(context_of("ann")) as session:
            await session.journal.head()
            reached.set()
            await asyncio.Event().wait()

    reached = asyncio.Event()
    task = asyncio.create_task(work(reached))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _all_readers_are_free(store)
    for steps in range(8):
        task = asyncio.create_task(work(asyncio.Event()))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _all_readers_are_free(store)


async def test_opening_costs_nothing_before_the_first_read(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "never-opened.db", clock=ManualClock(NOW))
    factory = RequestScopedSessionFactory(store)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(1_000):
        async with factory.open(context_of("ann")):
            pass
    assert (loop.time() - began) / 1_000 < 0.001
    assert not (tmp_path / "never-opened.db").exists()


async def test_one_read_is_quick(store: SqliteStore, factory: RequestScopedSessionFactory) -> None:
    context = await Scene(store).thread("ann")
    loop = asyncio.get_running_loop()
    times: list[float] = []
    for _ in range(200):
        began = loop.time()
        async with factory.open(context) as session:
            await session.threads.get_by_id(context.thread_id)
        times.append(loop.time() - began)
    assert sorted(times)[100] < 0.010


async def test_repositories_take_no_user() -> None:
    """Whoever has a session cannot say whose rows it is to read."""
    factory = RequestScopedSessionFactory(SqliteStore("unused", clock=ManualClock(NOW)))
    async with factory.open(context_of("ann")) as session:
        repositories: Sequence[object] = (
            session.threads,
            session.runs,
            session.messages,
            session.journal,
        )
    for repository in repositories:
        for name, member in vars(type(repository)).items():
            if not name.startswith("_"):
                assert not [arg for arg in member.__code__.co_varnames if "user" in arg], name
    assert UnifiedIdGenerator.is_valid_id(session.context.thread_id, "thread")

"""The shared store when the database or the network fails: no wrong answer, no hang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from database_proxy import Verdict
from postgres_scene import PostgresScene
from postgres_server import PostgresServer
from store_scene import Scene, context_of, message
from threadcast.clock import SystemClock
from threadcast.errors import ConfigurationError, OutcomeUnknown, ThreadcastError
from threadcast.store.postgres import PostgresStore
from threadcast.store.units import Committed, OpenJournal

USER = "ann"


async def warm(node: Scene) -> None:
    """Let the writer be connected, and the user have a journal."""
    await node.committed(OpenJournal(context_of(USER)))


def is_healthy(node: Scene) -> bool:
    return node.store.healthy


async def send_once_more(node: Scene, key: str) -> bool:
    """Send the same again, as a client does after no answer; whether it had been stored."""
    return (await node.send(context_of(USER), key=key, user_runs_max=1_000)).duplicate


async def messages_of(node: Scene, user: str = USER) -> int:
    events = await node.journal(user)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return sum(event.event_type == "message_created" for event in events)


@pytest.mark.parametrize("verdict", [Verdict.CUT, Verdict.SWALLOW_ANSWER])
async def test_d11_a_connection_lost_at_any_statement(
    database: PostgresScene, verdict: Verdict
) -> None:
    node, truth = await database.node(lossy=True), await database.node()
    for number in count(1):
        await warm(node)
        held = database.proxy.hold_piece(number)
        held.decide(verdict)
        with pytest.raises(ThreadcastError) as refused:
            await node.send(context_of(USER), key=f"k{number}", user_runs_max=1_000)
        assert not is_healthy(node)
        stored = await messages_of(truth) - number + 1
        if b"COMMIT" in held.piece:
            assert isinstance(refused.value, OutcomeUnknown)
            assert stored == (verdict is Verdict.SWALLOW_ANSWER)
        else:
            assert refused.value.code == "unavailable", held.piece
            assert not stored
        assert await send_once_more(node, f"k{number}") == bool(stored)
        assert is_healthy(node)
        assert await messages_of(truth) == number
        if b"COMMIT" in held.piece:
            break


async def test_a_database_that_does_not_answer_is_unavailable_and_no_hang(
    database: PostgresScene,
) -> None:
    node = await database.node(lossy=True, timeout_s=0.75, commit_timeout_s=0.75)
    for number in count(1):
        await warm(node)
        assert node.store.losses == number - 1  # another database may be there after each silence
        held = database.proxy.hold_piece(number)
        started = time.monotonic()
        with pytest.raises(ThreadcastError) as refused:
            await node.send(context_of(USER), key=f"k{number}", user_runs_max=1_000)
        assert time.monotonic() - started < 5.0
        expected = "unknown_outcome" if b"COMMIT" in held.piece else "unavailable"
        assert refused.value.code == expected
        held.decide(Verdict.CUT)
        if expected == "unknown_outcome":
            break


async def test_a_read_without_an_answer_is_a_loss_of_the_way(database: PostgresScene) -> None:
    node = await database.node(lossy=True, timeout_s=0.75, reader_count=1)
    await warm(node)
    held = database.proxy.hold(b"FROM events AS e")
    assert await _refusal(node.journal(USER)) == "unavailable"
    held.decide(Verdict.CUT)
    await node.journal(USER)
    assert node.store.losses == 1


async def test_a_cancelled_commit_costs_its_connection_and_no_more(
    database: PostgresScene,
) -> None:
    node, truth = await database.node(lossy=True), await database.node()
    for number in count(1):
        await warm(node)
        held = database.proxy.hold_piece(number)
        send = asyncio.create_task(
            node.send(context_of(USER), key=f"k{number}", user_runs_max=1_000)
        )
        await held.reached.wait()
        send.cancel()
        with pytest.raises(asyncio.CancelledError):
            await send
        held.decide(Verdict.PASS)
        await send_once_more(node, f"k{number}")
        assert node.store.losses == 0
        assert await messages_of(truth) == number
        if b"COMMIT" in held.piece:
            break


async def test_a_cancelled_read_costs_its_connection_and_no_more(
    database: PostgresScene,
) -> None:
    node = await database.node(lossy=True, reader_count=1)
    await node.thread(USER)
    await node.journal(USER)
    before = await _readers(database)
    held = database.proxy.hold(b"FROM events AS e")
    read = asyncio.create_task(node.journal(USER))
    await held.reached.wait()
    read.cancel()
    held.decide(Verdict.PASS)
    with pytest.raises(asyncio.CancelledError):
        await read
    await node.thread("bob")
    assert [event.address.user_id for event in await node.journal("bob")] == ["bob"]
    after = await _readers(database)
    assert (len(before), len(after)) == (1, 1)
    assert before != after


async def _readers(database: PostgresScene) -> set[int]:
    """The backends whose last statement was that which ends a read."""
    return {row[0] for row in await database.run(_BACKENDS, "ROLLBACK")}


_BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE application_name = 'threadcast' AND query = $1
"""


_END_ALL = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1
"""


async def test_d11_a_terminated_backend_is_replaced(database: PostgresScene) -> None:
    node = await database.node()
    await warm(node)
    for number in range(5):
        await database.run(_END_ALL, "threadcast")
        outcome = await _settled(node, f"k{number}")
        assert not outcome.result.duplicate
    assert await messages_of(node) == 5


async def _settled(node: Scene, key: str) -> Committed:
    """Send until it is accepted; what was refused before that must not be there."""
    unit = message(context_of(USER), key=key, user_runs_max=1_000)
    for _ in range(3):
        with suppress(ThreadcastError):
            return await node.committed(unit)
    raise AssertionError("never accepted")


async def _fails(database: PostgresScene, when: str, state: str, *, times: int) -> None:
    """Let the database fail so often when an event is stored: at once, or when it is committed."""
    timing = "DEFERRABLE INITIALLY DEFERRED" if when == "commit" else ""
    await database.run(
        "CREATE SEQUENCE failures;"
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('{database.schema}.failures') <= {times} THEN"
        f" RAISE EXCEPTION 'injected' USING ERRCODE = '{state}'; END IF;"
        " RETURN NULL; END $$;"
        f"CREATE CONSTRAINT TRIGGER failing AFTER INSERT ON events {timing}"
        " FOR EACH ROW EXECUTE FUNCTION fail();"
        "GRANT USAGE ON SEQUENCE failures TO threadcast"
    )


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_d11_what_another_transaction_was_in_the_way_of_is_tried_again(
    database: PostgresScene, state: str
) -> None:
    node = await database.node()
    await _fails(database, "statement", state, times=3)
    assert (await node.send(context_of(USER))).seq == 2
    assert await messages_of(node) == 1


@pytest.mark.parametrize(
    ("when", "state", "code"),
    [
        ("statement", "40001", "unavailable"),
        ("statement", "53100", "storage_full"),
        ("statement", "57014", "unavailable"),
        ("statement", "25006", "unavailable"),
        ("statement", "XX000", "unavailable"),
        ("commit", "40001", "unavailable"),
        ("commit", "53100", "storage_full"),
        ("commit", "57P01", "unknown_outcome"),
        ("commit", "XX000", "unknown_outcome"),
    ],
)
async def test_d11_what_the_database_says_is_what_is_answered(
    database: PostgresScene, when: str, state: str, code: str
) -> None:
    node = await database.node()
    times = 4 if (when, state) == ("statement", "40001") else 1
    await _fails(database, when, state, times=times)
    with pytest.raises(ThreadcastError) as refused:
        await node.send(context_of(USER))
    assert refused.value.code == code
    assert "injected" not in str(refused.value)
    assert await messages_of(node) == 0
    assert not await send_once_more(node, "key-1")
    assert await messages_of(node) == 1


async def test_d11_a_unit_at_fault_is_no_fault_of_the_database(database: PostgresScene) -> None:
    node = await database.node()
    await _fails(database, "statement", "22003", times=2)
    first, second = await node.outcomes(
        message(context_of(USER), key="a"), message(context_of("bob"), key="b")
    )
    assert {type(first).__name__, type(second).__name__} == {"Committed", "Rejected"}
    assert node.store.healthy


async def test_d11_too_many_connections_is_unavailable(database: PostgresScene) -> None:
    node = await database.node()
    await database.run("ALTER ROLE threadcast CONNECTION LIMIT 0")
    await database.run(_END_ALL, "threadcast")
    try:
        for _ in range(2):
            assert await _refusal(node.journal(USER)) == "unavailable"
            assert await _refusal(node.send(context_of(USER))) == "unavailable"
    finally:
        await database.run("ALTER ROLE threadcast CONNECTION LIMIT -1")
    await node.send(context_of(USER))
    assert await messages_of(node) == 1


async def _refusal(work: Coroutine[Any, Any, Any]) -> str:
    """Why it is refused; clients are not told where the database is."""
    with pytest.raises(ThreadcastError) as refused:
        await work
    assert "127.0.0.1" not in refused.value.message
    return refused.value.code


async def test_readers_are_waited_for_a_bounded_time(database: PostgresScene) -> None:
    node = await database.node(reader_count=1, timeout_s=0.75)
    await node.thread(USER)
    async with node.session(USER) as session:
        await session.journal()
        started = time.monotonic()
        with pytest.raises(ThreadcastError) as refused:
            await node.journal(USER)
        assert refused.value.code == "unavailable"
        assert time.monotonic() - started < 5.0
    assert len(await node.journal(USER)) == 1


async def test_a_locked_journal_is_waited_for_a_bounded_time(database: PostgresScene) -> None:
    slow, node = await database.node(lossy=True), await database.node(timeout_s=0.75)
    await warm(slow)
    held = database.proxy.hold(b"COMMIT")
    first = asyncio.create_task(slow.send(context_of(USER), key="k1"))
    await held.reached.wait()
    assert await node.refused(message(context_of(USER), key="k2")) == "unavailable"
    held.decide(Verdict.PASS)
    await first
    assert (await node.send(context_of(USER), key="k2")).seq == 4


async def test_a_standby_in_the_place_of_the_database_is_not_read() -> None:
    """It lags: what was delivered may not be there yet, and nobody would be told."""
    server = PostgresServer()
    await asyncio.to_thread(server.start)
    store = PostgresStore(await server.new_schema(), clock=SystemClock())
    try:
        await store.open()
        await Scene(store).thread(USER)
        await asyncio.to_thread(server.stop)
        (server.data / "standby.signal").touch()
        await asyncio.to_thread(server.start)
        assert await _refusal(Scene(store).journal(USER)) == "unavailable"
        with pytest.raises(ConfigurationError, match="it is a standby"):
            await PostgresStore(server.url(), clock=SystemClock()).open()
        await server.run("SELECT pg_promote()")
        assert len(await Scene(store).journal(USER)) == 1
    finally:
        await store.close()
        server.close()

"""The cost of an event as a database grows, on both stores: to 10^6 threads and 10^7 events.

Reads and writes go to random users, so that not everything is in a cache; only the runs that append
stay the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from typing import Any

from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.events import AgentDelta, EventDraft, EventType
from threadcast.settings import Settings
from threadcast.store import Store
from threadcast.store.choice import store_of
from threadcast.store.units import (
    AppendToRun,
    ClaimedRun,
    ClaimRuns,
    Committed,
    CreateThread,
    SendMessage,
    Unit,
)

from .bulk import Fill, add, filler
from .figures import Figure, percentile
from .stores import Run

_THREADS = (1_000, 10_000, 100_000, 1_000_000)
_EVENTS = (100_000, 1_000_000, 10_000_000)
_RUNS, _DELTAS = 20, 5
_COMMITS = 100
_OF_EACH = 200
_FLAT_AT_MOST = 1.5
_SEED = 7
_QUARTILE = 0.25  # other load on the machine only adds to a time


@dataclass(frozen=True)
class Costs:
    """Lower quartiles at one size, in microseconds.

    Attributes:
        append_us: of an event of a run, 100 in a commit.
        create_us: of a thread of a random user, 20 in a commit.
        read_us: of a page of 20 events of a random user.
        list_us: of the list of a random user's latest 20 threads.
    """

    append_us: float
    create_us: float
    read_us: float
    list_us: float


@dataclass
class Growth:
    """One store's costs by size.

    Attributes:
        by_threads, by_events: costs by the number of threads, and of events.
    """

    by_threads: dict[int, Costs] = field(default_factory=dict)
    by_events: dict[int, Costs] = field(default_factory=dict)


def growth(
    run: Run, databases: dict[str, AbstractContextManager[Callable[[], str]]], *, share: float = 1.0
) -> tuple[dict[str, Growth], list[Figure]]:
    """Fill both stores step by step, and measure at each size.

    Args:
        run: runs a coroutine to its end.
        databases: returns URLs of new databases, by the store's name.
        share: of the largest sizes, above 0; below 1, larger steps are skipped.
    """
    found: dict[str, Growth] = {}
    for name, giver in databases.items():
        one = found[name] = Growth()
        with giver as new_database:
            url = new_database()
            for size in _upto(_THREADS, share):
                before = list(one.by_threads)
                work = _grown(url, size, before, threads_each=100, events_each=1)
                one.by_threads[size] = run(work)
            url = new_database()
            for size in _upto(_EVENTS, share):
                before = list(one.by_events)
                work = _grown(url, size, before, threads_each=10, events_each=100)
                one.by_events[size] = run(work)
    figures = [figure for name, one in found.items() for figure in _told(name, one)]
    return found, figures


def _upto(sizes: tuple[int, ...], share: float) -> list[int]:
    return [size for size in sizes if size <= sizes[-1] * share]


async def _grown(
    url: str, size: int, before: list[int], *, threads_each: int, events_each: int
) -> Costs:
    """Fill a database up to `size` threads or events, and measure."""
    store = store_of(Settings(database_url=url, jwt_secret="x" * 32), SystemClock())
    await store.open()  # makes the tables
    await store.close()
    each = threads_each * events_each
    done, users = (before[-1] // each if before else 0), size // each
    await add(url, Fill(done, users - done, threads_each, events_each))
    store = store_of(Settings(database_url=url, jwt_secret="x" * 32), SystemClock())
    await store.open()
    try:
        return await _costs(store, users, random.Random(_SEED))
    finally:
        await store.close()


async def _costs(store: Store, users: int, dice: random.Random) -> Costs:
    runs = await _begun(store, dice)
    delta = EventDraft.of(EventType.AGENT_DELTA, AgentDelta("a few words "))
    appends, creates, reads, lists = [], [], [], []
    for _ in range(_COMMITS):
        units = [AppendToRun(run.lease, [delta] * _DELTAS) for run in runs]
        appends.append(await _commit_us(store, units) / (_RUNS * _DELTAS))
        new = [CreateThread(_somebody(users, dice), None, {}) for _ in range(_RUNS)]
        creates.append(await _commit_us(store, new) / _RUNS)
    for _ in range(_OF_EACH):
        began = time.perf_counter()
        session = store.session(_somebody(users, dice))
        await session.page(0, limit=20, max_bytes=65_536)
        await session.close()
        between = time.perf_counter()
        session = store.session(_somebody(users, dice))
        await session.threads(limit=20, before=None)
        await session.close()
        reads.append((between - began) * 1e6)
        lists.append((time.perf_counter() - between) * 1e6)
    return Costs(*(percentile(one, _QUARTILE) for one in (appends, creates, reads, lists)))


async def _begun(store: Store, dice: random.Random) -> list[ClaimedRun]:
    """Runs that may append, each of a user of its own."""
    contexts = [
        UserExecutionContext.create(f"meter-{dice.getrandbits(64):x}", "chat") for _ in range(_RUNS)
    ]
    units = [
        SendMessage(
            context=context,
            new_thread=True,
            content="hello",
            client_message_id=context.request_id,
            digest=b"digest",
            agent="stream",
            on_crash="fail",
            on_busy="queue",
            on_disconnect="continue",
            user_runs_max=20,
        )
        for context in contexts
    ]
    await _commit_us(store, units)
    (outcome,) = await store.commit(
        [ClaimRuns("bench", 3_600.0, ["stream"], _RUNS)], now=SystemClock().now()
    )
    claimed = outcome.result.runs if isinstance(outcome, Committed) else []
    if len(claimed) != _RUNS:
        raise RuntimeError(f"{len(claimed)} of {_RUNS} runs were claimed")
    return list(claimed)


async def _commit_us(store: Store, units: Sequence[Unit[Any]]) -> float:
    """Microseconds of a commit; none of its units may be refused."""
    began = time.perf_counter()
    outcomes = await store.commit(units, now=SystemClock().now())
    took_us = (time.perf_counter() - began) * 1e6
    refused = [one for one in outcomes if not isinstance(one, Committed)]
    if refused:
        raise RuntimeError(f"refused: {refused[0]}")
    return took_us


def _somebody(users: int, dice: random.Random) -> UserExecutionContext:
    return UserExecutionContext.create(filler(dice.randrange(users)), "bench")


def _told(store: str, growth: Growth) -> list[Figure]:
    figures = []
    for what, costs in (("threads", growth.by_threads), ("events", growth.by_events)):
        least, most = min(costs), max(costs)
        for name in (one.name for one in fields(Costs)):
            first, last = getattr(costs[least], name), getattr(costs[most], name)
            title = name.removesuffix("_us")
            figures.append(
                Figure(
                    f"{store}: {title}, at {most:,} {what} against {least:,}",
                    *(last / first, "x", _FLAT_AT_MOST),
                    note=", ".join(
                        f"{size:,}: {getattr(one, name):.0f} us" for size, one in costs.items()
                    ),
                )
            )
    return figures


def panels(found: dict[str, Growth]) -> dict[str, dict[str, Sequence[tuple[int, float]]]]:
    """The costs in the form of `plot_growth`."""
    drawn: dict[str, dict[str, Sequence[tuple[int, float]]]] = {"threads": {}, "events": {}}
    for store, one in found.items():
        for what, costs in (("threads", one.by_threads), ("events", one.by_events)):
            for name in (each.name for each in fields(Costs)):
                drawn[what][f"{store}: {name.removesuffix('_us')}"] = [
                    (size, getattr(cost, name)) for size, cost in costs.items()
                ]
    return drawn

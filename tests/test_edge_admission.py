"""New readers are admitted within the CPU budget while others are connected; requests go first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from eventually import until
from threadcast.edge.admission import AdmissionQueue, CpuBudget, asks_for_events, is_from_browser

UPGRADE = b"GET /chat/v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n\r\n"

SETTLE_S = 10.0  # readers count as settled by then
CROWD_MAX_S = 60.0  # a crowd has been admitted by then, if it ends at all

PATHS = frozenset({b"/chat/v1/ws", b"/v1/events"})


class StubTransport(asyncio.Transport):
    """A transport that only records whether it was aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def is_closing(self) -> bool:
        """Whether it was aborted."""
        return self.aborted

    def abort(self) -> None:
        """Record it."""
        self.aborted = True


class Times:
    """Wall time and CPU time, moved by hand."""

    def __init__(self) -> None:
        self.wall_s = self.used_s = 100.0

    def budget(self) -> CpuBudget:
        """A budget that reads these times."""
        budget = CpuBudget(lambda: self.wall_s, lambda: self.used_s)
        budget.reset()
        return budget

    def work(self, seconds: float) -> None:
        """Let the loop be busy."""
        self.wall_s += seconds
        self.used_s += seconds

    def rest(self, seconds: float) -> None:
        """Let the loop be idle."""
        self.wall_s += seconds


def enqueue(
    queue: AdmissionQueue, count: int, admitted: list[int], *, is_reader: bool = False
) -> list[StubTransport]:
    """Queue connections at once; `admitted` gets their numbers as they are admitted."""
    loop = asyncio.get_running_loop()
    transports = [StubTransport() for _ in range(count)]
    for number, one in enumerate(transports):
        queue.enqueue(one, lambda number=number: admitted.append(number), loop, is_reader=is_reader)  # type: ignore[misc]
    return transports


def queue_with_reader(times: Times) -> AdmissionQueue:
    """A queue of a server to which a reader has been connected for some time."""
    queue = AdmissionQueue(times.budget())
    queue.readers = 1
    times.rest(SETTLE_S)
    return queue


async def test_one_connection_is_admitted_per_turn_of_the_loop_in_order() -> None:
    admitted: list[int] = []
    enqueue(queue_with_reader(Times()), 5, admitted)
    assert admitted == []
    for turn in range(1, 6):
        await asyncio.sleep(0)
        assert admitted == list(range(turn))


async def test_without_readers_some_are_admitted_per_turn_in_order() -> None:
    admitted: list[int] = []
    enqueue(AdmissionQueue(), 20, admitted)
    turns = 0
    while len(admitted) < 20:
        await asyncio.sleep(0)
        turns += 1
    assert admitted == list(range(20))
    assert 1 < turns < 10


async def test_a_connection_that_has_closed_is_skipped() -> None:
    admitted: list[int] = []
    transports = enqueue(queue_with_reader(Times()), 3, admitted)
    transports[0].abort()
    await asyncio.sleep(0)
    assert admitted == [1]


async def test_an_empty_queue_admits_the_next_connection() -> None:
    queue, admitted = AdmissionQueue(), list[int]()
    for _ in range(2):
        enqueue(queue, 1, admitted)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert admitted == [0, 0]


async def test_a_failing_connection_does_not_stop_the_others() -> None:
    loop, admitted, failed = asyncio.get_running_loop(), list[int](), list[object]()
    loop.set_exception_handler(lambda _, context: failed.append(context["exception"]))
    queue, broken = AdmissionQueue(), StubTransport()
    fault = OSError("not connected")

    def fail() -> None:
        raise fault

    queue.enqueue(broken, fail, loop)
    enqueue(queue, 2, admitted)
    await until(lambda: len(admitted) == 2)
    enqueue(queue, 1, admitted)
    await until(lambda: len(admitted) == 3)
    assert failed == [fault]
    assert broken.aborted


async def test_a_connection_beyond_the_bound_is_aborted() -> None:
    transports = enqueue(AdmissionQueue(), 10_001, [])
    assert [one.aborted for one in transports].count(True) == 1
    assert transports[-1].aborted


async def test_readers_wait_for_budget_and_other_requests_do_not() -> None:
    times, admitted = Times(), list[int]()
    queue = queue_with_reader(times)
    enqueue(queue, 3, admitted, is_reader=True)
    await asyncio.sleep(0)
    times.work(0.002)  # one admission; its share of that is 0.5 ms
    await asyncio.sleep(0)
    assert admitted == [0]
    enqueue(queue, 1, admitted)  # a health check does not wait
    await until(lambda: len(admitted) == 2)
    assert admitted == [0, 0]
    times.rest(0.005)
    await until(lambda: len(admitted) > 2)
    assert admitted[:3] == [0, 0, 1]


async def test_a_flood_of_health_checks_starves_no_reader() -> None:
    queue, admitted = queue_with_reader(Times()), list[int]()
    enqueue(queue, 100, admitted)
    queue.enqueue(
        StubTransport(), lambda: admitted.append(-1), asyncio.get_running_loop(), is_reader=True
    )
    await until(lambda: -1 in admitted)
    assert admitted.index(-1) < 10


async def test_readers_are_admitted_at_the_moments_that_the_application_chooses() -> None:
    times, admitted, asked = Times(), list[int](), asyncio.Queue[Callable[[], None]]()
    queue = AdmissionQueue(times.budget(), asked.put_nowait)
    queue.readers = 1
    times.rest(SETTLE_S)
    enqueue(queue, 3, admitted, is_reader=True)
    for count in range(3):
        admit = await asked.get()
        assert len(admitted) == count
        times.rest(1.0)
        admit()
    assert admitted == [0, 1, 2]


async def test_the_budget_does_not_apply_once_the_last_reader_has_gone() -> None:
    times, admitted = Times(), list[int]()
    queue = queue_with_reader(times)
    enqueue(queue, 3, admitted, is_reader=True)
    await asyncio.sleep(0)
    times.work(1.0)  # far more than the budget
    queue.readers = 0
    await until(lambda: admitted == [0, 1, 2])


async def test_the_budget_does_not_apply_before_any_reader_is_connected() -> None:
    times, admitted = Times(), list[int]()
    enqueue(AdmissionQueue(times.budget()), 3, admitted, is_reader=True)
    times.work(1.0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert admitted == [0, 1, 2]


async def test_the_first_reader_after_a_restart_does_not_slow_down_the_others() -> None:
    times, admitted = Times(), list[int]()
    queue = AdmissionQueue(times.budget())
    for crowd in range(3):  # each finds the queue empty, and readers connected
        enqueue(queue, 3, admitted, is_reader=True)
        times.work(1.0)
        for _ in range(3):
            await asyncio.sleep(0)
        assert admitted == [0, 1, 2] * (crowd + 1)
        queue.readers += 3
    times.rest(SETTLE_S)
    enqueue(queue, 3, admitted, is_reader=True)
    times.work(1.0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(admitted) < 12


async def test_a_crowd_that_never_ends_is_limited_in_the_end() -> None:
    times, admitted = Times(), list[int]()
    queue = AdmissionQueue(times.budget())
    enqueue(queue, 1_000, admitted, is_reader=True)
    await asyncio.sleep(0)
    queue.readers = at_full_speed = len(admitted)
    times.work(CROWD_MAX_S)
    for _ in range(20):
        times.work(0.001)
        await asyncio.sleep(0)
    assert len(admitted) < at_full_speed + 5


@pytest.mark.parametrize(("others", "left_per_s"), [(0.0, 250), (0.1, 167)])
def test_admissions_get_what_is_left_of_a_quarter_of_a_core(others: float, left_per_s: int) -> None:
    times = Times()
    budget = times.budget()
    admitted = 0
    for _ in range(20_000):
        times.work(others * 0.0001)
        times.rest((1 - others) * 0.0001)
        if budget.try_take():
            admitted += 1
            times.work(0.001)
    assert admitted / (times.wall_s - 100.0) == pytest.approx(left_per_s, rel=0.05)


def test_unused_budget_never_admits_two_at_once() -> None:
    times = Times()
    budget = times.budget()
    times.rest(60.0)
    assert budget.try_take()
    times.work(0.001)
    assert not budget.try_take()
    times.rest(0.0013)
    assert budget.try_take()


def test_a_busy_process_still_admits_80_readers_a_second() -> None:
    times = Times()
    budget = times.budget()
    admitted = 0
    for _ in range(1_000):
        times.work(0.001)
        admitted += budget.try_take()
    assert 75 <= admitted <= 85


async def test_clients_that_would_wait_too_long_get_increasing_retry_times() -> None:
    times = Times()
    budget = times.budget()
    queue = AdmissionQueue(budget)
    queue.readers = 1
    times.rest(SETTLE_S)
    enqueue(queue, 500, [], is_reader=True)
    budget.interval_s = 0.004
    assert queue.retry_after_s() is None  # a wait of two seconds
    enqueue(queue, 1_000, [], is_reader=True)
    retries = [queue.retry_after_s() or 0.0 for _ in range(2_000)]
    first, last = retries[:200], retries[-200:]
    assert min(retries) > 3.0
    assert max(retries) <= 60.0 * 1.25
    assert sum(first) / 200 == pytest.approx(6.4, rel=0.1)
    assert sum(last) / 200 == pytest.approx(13.6, rel=0.1)
    times.rest(8.0)  # earlier retry times stay booked while time passes
    assert (queue.retry_after_s() or 0.0) == pytest.approx(6.0, rel=0.3)


@pytest.mark.parametrize(
    "target",
    [
        *(b"/v1/events", b"/v1/events?after=0", b"/v1/ev%65nts", b"http://x/v1/events"),
        *(b"/chat/v1/ws", b"http://x:1/chat/v1/ws?a=://"),
    ],
)
def test_a_reader_is_known_by_the_path_of_its_request_line(target: bytes) -> None:
    assert asks_for_events(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", PATHS)
    assert asks_for_events(b"\r\nGET  " + target + b" HTTP/1.1\r\nAccept: */*\r\n", PATHS)


def test_headers_and_queries_do_not_make_a_reader() -> None:
    signs = b"Upgrade: websocket\r\nAccept: text/event-stream\r\n"
    assert not asks_for_events(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + signs, PATHS)
    assert not asks_for_events(b"GET /healthz?/v1/events HTTP/1.1\r\n\r\n", PATHS)
    assert not asks_for_events(b"\r\nGET\r\n\r\n", PATHS)


def test_an_incomplete_request_line_counts_as_a_readers() -> None:
    assert asks_for_events(b"GET /v1/ev", PATHS)
    assert asks_for_events(b"GET /" + b"x" * 5_000, PATHS)


def test_a_browser_is_known_by_its_origin() -> None:
    assert is_from_browser(UPGRADE[:-2] + b"Origin: https://x\r\n\r\n")
    assert not is_from_browser(UPGRADE)

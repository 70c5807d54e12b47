"""A crowd is heard a few at a time; what else there is comes in between, and mostly before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from threadcast.edge.doors import Doors, Pace, comes_to_stay, is_of_browser

UPGRADE = b"GET /chat/v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n\r\n"

PATHS = frozenset({b"/chat/v1/ws", b"/v1/events"})


class Quiet(asyncio.Transport):
    """A transport of which no more is asked than whether it was cut."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = False

    def is_closing(self) -> bool:
        """Whether it was cut."""
        return self.cut

    def abort(self) -> None:
        """Cut it."""
        self.cut = True


class Times:
    """The clock and the processor's, as a loop that works would see them."""

    def __init__(self) -> None:
        self.wall_s = self.used_s = 100.0

    def pace(self) -> Pace:
        """A pace by these times, that has begun."""
        pace = Pace(lambda: self.wall_s, lambda: self.used_s)
        pace.begin()
        return pace

    def work(self, seconds: float) -> None:
        """The loop works."""
        self.wall_s += seconds
        self.used_s += seconds

    def rest(self, seconds: float) -> None:
        """The loop waits."""
        self.wall_s += seconds


def crowd(doors: Doors, count: int, heard: list[int], *, stays: bool = False) -> list[Quiet]:
    """So many who come in the same moment; `heard` gets their numbers."""
    loop = asyncio.get_running_loop()
    transports = [Quiet() for _ in range(count)]
    for number, one in enumerate(transports):
        doors.come(one, lambda number=number: heard.append(number), loop, stays=stays)  # type: ignore[misc]
    return transports


async def test_one_in_each_turn_and_in_the_order_of_coming() -> None:
    heard: list[int] = []
    crowd(Doors(), 5, heard)
    assert heard == []
    for turn in range(1, 6):
        await asyncio.sleep(0)
        assert heard == list(range(turn))


async def test_who_has_gone_takes_nobodys_turn() -> None:
    heard: list[int] = []
    transports = crowd(Doors(), 3, heard)
    transports[0].abort()
    await asyncio.sleep(0)
    assert heard == [1]


async def test_they_are_opened_again_after_everybody_was_heard() -> None:
    doors, heard = Doors(), list[int]()
    for _ in range(2):
        crowd(doors, 1, heard)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert heard == [0, 0]


async def test_one_beyond_the_bound_is_cut() -> None:
    transports = crowd(Doors(), 10_001, [])
    assert [one.cut for one in transports].count(True) == 1
    assert transports[-1].cut


async def test_a_crowd_waits_while_the_loop_has_no_time_for_it() -> None:
    times, heard = Times(), list[int]()
    doors = Doors(times.pace())
    doors.inside = 1
    crowd(doors, 3, heard, stays=True)
    await asyncio.sleep(0)
    times.work(0.002)  # what one of them costs; it may work for 0.5 ms of that
    await asyncio.sleep(0)
    assert heard == [0]
    crowd(doors, 1, heard)  # a look at the server's health does not wait for them
    await _until(lambda: len(heard) == 2)
    assert heard == [0, 0]
    times.rest(0.005)
    await _until(lambda: len(heard) > 2)
    assert heard[:3] == [0, 0, 1]


async def test_a_flood_of_looks_at_the_servers_health_keeps_no_reader_out() -> None:
    doors, heard = Doors(), list[int]()
    doors.inside = 1
    crowd(doors, 100, heard)
    doors.come(Quiet(), lambda: heard.append(-1), asyncio.get_running_loop(), stays=True)
    await _until(lambda: -1 in heard)
    assert heard.index(-1) < 10


async def test_where_nobody_else_is_a_crowd_is_not_held_back() -> None:
    times, heard = Times(), list[int]()
    crowd(Doors(times.pace()), 3, heard, stays=True)
    times.work(1.0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert heard == [0, 1, 2]


@pytest.mark.parametrize(("others", "left_per_s"), [(0.0, 250), (0.1, 167)])
def test_a_crowd_gets_what_others_leave_of_a_quarter(others: float, left_per_s: int) -> None:
    times = Times()
    pace = times.pace()
    heard = 0
    for _ in range(20_000):
        times.work(others * 0.0001)
        times.rest((1 - others) * 0.0001)
        if pace.allows():
            heard += 1
            times.work(0.001)
    assert heard / (times.wall_s - 100.0) == pytest.approx(left_per_s, rel=0.05)


def test_what_was_saved_lets_no_two_in_at_once() -> None:
    times = Times()
    pace = times.pace()
    times.rest(60.0)
    assert pace.allows()
    times.work(0.001)
    assert not pace.allows()
    times.rest(0.0013)
    assert pace.allows()


def test_a_busy_process_takes_a_crowd_in_too() -> None:
    times = Times()
    pace = times.pace()
    heard = 0
    for _ in range(1_000):
        times.work(0.001)
        heard += pace.allows()
    assert 75 <= heard <= 85


async def test_who_would_wait_long_is_told_a_later_time_than_those_before() -> None:
    times = Times()
    pace = times.pace()
    doors = Doors(pace)
    doors.inside = 1
    crowd(doors, 500, [], stays=True)
    pace.every_s = 0.004
    assert doors.come_again_s() is None  # two seconds
    crowd(doors, 1_000, [], stays=True)
    told = [doors.come_again_s() or 0.0 for _ in range(2_000)]
    first, last = told[:200], told[-200:]
    assert min(told) > 3.0
    assert max(told) <= 60.0 * 1.25
    assert sum(first) / 200 == pytest.approx(6.4, rel=0.1)
    assert sum(last) / 200 == pytest.approx(13.6, rel=0.1)
    times.rest(8.0)  # those are booked still; time went on
    assert (doors.come_again_s() or 0.0) == pytest.approx(6.0, rel=0.3)


@pytest.mark.parametrize(
    "target",
    [
        *(b"/v1/events", b"/v1/events?after=0", b"/v1/ev%65nts", b"http://x/v1/events"),
        *(b"/chat/v1/ws", b"http://x:1/chat/v1/ws?a=://"),
    ],
)
def test_who_comes_to_stay_is_seen_in_the_first_line(target: bytes) -> None:
    assert comes_to_stay(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", PATHS)
    assert comes_to_stay(b"\r\nGET  " + target + b" HTTP/1.1\r\nAccept: */*\r\n", PATHS)


def test_headers_that_anybody_can_choose_do_not_say_who_stays() -> None:
    signs = b"Upgrade: websocket\r\nAccept: text/event-stream\r\n"
    assert not comes_to_stay(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + signs, PATHS)
    assert not comes_to_stay(b"GET /healthz?/v1/events HTTP/1.1\r\n\r\n", PATHS)
    assert not comes_to_stay(b"\r\nGET\r\n\r\n", PATHS)


def test_a_first_line_in_two_pieces_hides_nobody() -> None:
    assert comes_to_stay(b"GET /v1/ev", PATHS)
    assert comes_to_stay(b"GET /" + b"x" * 5_000, PATHS)


def test_a_page_is_known_by_its_origin() -> None:
    assert is_of_browser(UPGRADE[:-2] + b"Origin: https://x\r\n\r\n")
    assert not is_of_browser(UPGRADE)


async def _until(is_true: Callable[[], bool]) -> None:
    """Let the loop turn until then; the test's time limit bounds it."""
    for _ in range(5_000):
        if is_true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not come to that")

"""A held event loop is noticed (bad-input row R7, the watchdog's part)."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator

import pytest

from threadcast.cli.logs import EscapingFormatter
from threadcast.metrics import Metrics
from threadcast.upkeep.watchdog import NO_HOLD, Watchdog


class _Listener(logging.Handler):
    """Keeps what is logged, and lets a thread wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(EscapingFormatter("%(message)s"))
        self.messages: list[str] = []
        self.heard = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))
        self.heard.set()


@pytest.fixture
def listener() -> Iterator[_Listener]:
    listener = _Listener()
    logger = logging.getLogger("threadcast.upkeep.watchdog")
    logger.addHandler(listener)
    yield listener
    logger.removeHandler(listener)


@contextlib.contextmanager
def _watched(metrics: Metrics, blocked_s: float) -> Iterator[Watchdog]:
    watchdog = Watchdog(metrics, blocked_s=blocked_s)
    watchdog.start()
    try:
        yield watchdog
    finally:
        watchdog.stop()
        watchdog.stop()


def _holds(metrics: Metrics) -> float:
    count = metrics.registry.get_sample_value("threadcast_loop_blocked_seconds_count")
    assert count is not None
    return count


def _hold_the_loop_until_logged(listener: _Listener) -> None:
    assert listener.heard.wait(10)


async def test_r7_a_held_loop_is_logged_once_with_the_stack(listener: _Listener) -> None:
    metrics = Metrics()
    with _watched(metrics, 0.15) as watchdog:
        _hold_the_loop_until_logged(listener)
        listener.heard.clear()
        assert not listener.heard.wait(0.4), "one hold is logged once"
        watchdog.beat()
        assert _holds(metrics) == 1
        assert len(listener.messages) == 1
        message, *frames = listener.messages[0].split("\n")
        assert re.search(r"held for 0\.\d s by test_watchdog\.py:\d+ in _hold_the_loop_un", message)
        assert "in wait: " in frames[0], "the innermost frame first"
        assert all(frame.startswith("  /") for frame in frames)
        place = watchdog.take_longest().place
        assert place is not None
        assert message.endswith(place)
        assert watchdog.take_longest() == NO_HOLD
        _hold_the_loop_until_logged(listener)
        assert len(listener.messages) == 2


async def test_a_loop_that_turns_is_not_counted(listener: _Listener) -> None:
    metrics = Metrics()
    with _watched(metrics, 5.0) as watchdog:
        watchdog.beat()
    assert _holds(metrics) == 0
    assert not listener.messages


async def test_the_thread_ends_when_it_is_stopped() -> None:
    with _watched(Metrics(), 1.0):
        assert any(one.name == "threadcast-watchdog" for one in threading.enumerate())
    assert not any(one.name == "threadcast-watchdog" for one in threading.enumerate())

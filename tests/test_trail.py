"""Contradictions between what a reader was given and what is announced later."""

from __future__ import annotations

import pytest

from threadcast.delivery.trail import Trail
from threadcast.events import Address, EventType, JournalEvent, timestamp_text
from threadcast.store.records import JournalHead

ADDRESS = Address("ann", None, None)
FEED = "feed_1"


def event(seq: int, at_us: int) -> JournalEvent:
    return JournalEvent(EventType.AGENT_DELTA, timestamp_text(at_us), ADDRESS, seq, b"{}")


@pytest.fixture
def trail() -> Trail:
    """A reader was given 3 events, a second apart."""
    trail = Trail()
    for seq in (1, 2, 3):
        trail.gave(event(seq, seq * 1_000_000))
    return trail


def test_a_late_hint_is_no_news(trail: Trail) -> None:
    assert not trail.contradicted_by([event(2, 2_000_000), event(3, 3_000_000)], 3)
    assert not trail.contradicted_by([event(3, 3_000_000), event(4, 4_000_000)], 3)


def test_news_at_a_seq_of_before_is_told_once(trail: Trail) -> None:
    again = [event(1, 4_000_000)]
    assert trail.contradicted_by(again, 3)
    assert not trail.contradicted_by(again, 3)


def test_another_event_at_the_last_seq_is_told_whatever_its_time(trail: Trail) -> None:
    assert trail.contradicted_by([event(3, 2_500_000), event(4, 9_000_000)], 3)


def test_where_nothing_is_known_everything_is_news() -> None:
    trail = Trail()
    trail.begin(10, None)
    assert trail.contradicted_by([event(9, 1_000_000)], 10)


def test_a_head_is_compared_with_the_position_at_the_poll_before(trail: Trail) -> None:
    assert not trail.contradicted_by_head(2, 3)
    assert not trail.contradicted_by_head(3, 5)
    assert trail.contradicted_by_head(4, 5)


@pytest.mark.parametrize(
    ("head", "stamp", "feed", "reason"),
    [
        pytest.param(JournalHead(FEED, 3), b"3.000000", FEED, None, id="as-it-was"),
        pytest.param(JournalHead(FEED, 9), None, FEED, None, id="compacted"),
        pytest.param(JournalHead(FEED, 9), b"3.000001", FEED, "diverged", id="another-event"),
        pytest.param(JournalHead(FEED, 2), None, FEED, "diverged", id="lost"),
        pytest.param(JournalHead("feed_2", 2), None, FEED, "new_feed", id="restored"),
        pytest.param(JournalHead("feed_2", 9), b"3.000000", FEED, "new_feed", id="renewed"),
        pytest.param(JournalHead(FEED, 2), None, None, "diverged", id="lost-without-a-feed"),
        pytest.param(JournalHead(FEED, 9, trimmed=5), None, FEED, "trimmed", id="trimmed"),
    ],
)
def test_judge(
    trail: Trail, head: JournalHead, stamp: bytes | None, feed: str, reason: str | None
) -> None:
    assert trail.judge(head, stamp, feed=feed, position=3).reason == reason

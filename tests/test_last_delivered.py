"""Contradictions between what a reader was given and what is announced later."""

from __future__ import annotations

import pytest

from threadcast.delivery.last_delivered import LastDelivered
from threadcast.events import Address, EventType, JournalEvent, timestamp_text
from threadcast.store.records import JournalHead

ADDRESS = Address("ann", None, None)
FEED = "feed_1"


def event(seq: int, at_us: int) -> JournalEvent:
    return JournalEvent(EventType.AGENT_DELTA, timestamp_text(at_us), ADDRESS, seq, b"{}")


@pytest.fixture
def last() -> LastDelivered:
    """A reader was given 3 events, a second apart."""
    last = LastDelivered()
    for seq in (1, 2, 3):
        last.gave(event(seq, seq * 1_000_000))
    return last


def test_a_late_hint_is_no_news(last: LastDelivered) -> None:
    assert not last.contradicted_by([event(2, 2_000_000), event(3, 3_000_000)], 3)
    assert not last.contradicted_by([event(3, 3_000_000), event(4, 4_000_000)], 3)


def test_news_at_a_seq_of_before_is_told_once(last: LastDelivered) -> None:
    again = [event(1, 4_000_000)]
    assert last.contradicted_by(again, 3)
    assert not last.contradicted_by(again, 3)


def test_another_event_at_the_last_seq_is_told_whatever_its_time(last: LastDelivered) -> None:
    assert last.contradicted_by([event(3, 2_500_000), event(4, 9_000_000)], 3)


def test_where_nothing_is_known_everything_is_news() -> None:
    last = LastDelivered()
    last.begin(10, None)
    assert last.contradicted_by([event(9, 1_000_000)], 10)


def test_a_head_is_compared_with_the_position_at_the_poll_before(last: LastDelivered) -> None:
    assert not last.contradicted_by_head(2, 3)
    assert not last.contradicted_by_head(3, 5)
    assert last.contradicted_by_head(4, 5)


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
    last: LastDelivered, head: JournalHead, stamp: bytes | None, feed: str, reason: str | None
) -> None:
    assert last.judge(head, stamp, feed=feed, position=3).reason == reason

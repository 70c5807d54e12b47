"""Rate rules with time moved by hand."""

from __future__ import annotations

from threadcast.rates import BucketPerKey, TokenBucket, WindowCounter


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    bucket = TokenBucket(2.0, 3, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert bucket.take(0.5) == 0.0
    assert bucket.take(0.5) == 0.5


def test_a_bucket_gives_many_at_once_or_none() -> None:
    bucket = TokenBucket(2.0, 10, now=0.0)
    assert [bucket.take(0.0, 6), bucket.take(0.0, 6), bucket.take(0.0, 4)] == [0.0, 1.0, 0.0]
    assert bucket.take(2.0, 6) == 1.0
    assert bucket.take(3.0, 6) == 0.0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(10.0, 2, now=0.0)
    assert [bucket.take(1000.0) for _ in range(3)] == [0.0, 0.0, 0.1]


def test_a_window_forgets() -> None:
    counter = WindowCounter(2, 60.0)
    assert [counter.exceeded(now) for now in (0.0, 1.0, 2.0, 61.5)] == [False, False, True, False]


def test_keys_are_apart_and_bounded() -> None:
    buckets = BucketPerKey(1.0, 1, keys_max=2)
    assert buckets.take("a", 0.0) == 0.0
    assert buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 0.0) > 0.0
    assert buckets.take("c", 0.0) == 0.0
    assert buckets.take("b", 0.0) == 0.0, "b was the oldest and was forgotten"

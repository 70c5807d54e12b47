"""Where claims go on and when, whatever is found: what a lap in vain costs is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.runner.claim_laps import ClaimLaps

NUMBERS = st.integers(1, 40)
SELDOM_S = 0.5  # a longer pause is a rest after a lap


class Node:
    """Looks again and again, at most at `most` users at a time; each claim takes `claim_s`."""

    def __init__(self, users: set[int], *, most: int, claim_s: float = 0.005) -> None:
        self.users = users
        self.most = most
        self.claim_s = claim_s
        self.laps = ClaimLaps(lambda: 1.0)
        self.now = self.busy_s = 0.0
        self.looked_at: set[int] = set()

    def look(self, *, is_full: bool = False) -> float:
        """Claim; the pause that follows."""
        behind = sorted(user for user in self.users if user > self.laps.after)
        before = sorted(self.users - set(behind))
        seen = [*behind, *before][: self.most]
        self.looked_at.update(seen)
        reached = seen[-1] if len(seen) == self.most else None
        began = self.now
        self.now += self.claim_s
        self.busy_s += self.claim_s
        self.laps.looked(reached, began=began, ended=self.now, is_full=is_full)
        return self.laps.wait_s(self.now)

    def lap(self) -> int:
        """Look until a rest; how many claims that took."""
        for claims in range(1, 1_000):
            pause_s = self.look()
            self.now += pause_s
            if pause_s > SELDOM_S:
                return claims
        raise AssertionError("a lap does not end")


@given(st.sets(NUMBERS, min_size=1), st.integers(1, 10), st.integers(1, 3))
def test_a_lap_looks_at_everybody_and_ends(users: set[int], most: int, laps: int) -> None:
    node = Node(users, most=most)
    for _ in range(laps):
        node.looked_at.clear()
        assert node.lap() <= -(-len(users) // most) + 1
        assert node.looked_at == users


@given(st.sets(NUMBERS, min_size=10), st.lists(st.tuples(NUMBERS, st.booleans()), max_size=30))
def test_who_stays_is_looked_at_whoever_comes_and_goes(
    users: set[int], changes: list[tuple[int, bool]]
) -> None:
    node = Node(set(users), most=3)
    stays = set(users)
    waits = iter(changes)
    while node.look() < SELDOM_S:
        for user, comes in [next(waits, (0, True))]:
            if comes and user:
                node.users.add(user)
            elif user:
                node.users.discard(user)
                stays.discard(user)
    assert node.looked_at >= stays


def test_one_claim_that_sees_all_is_a_lap() -> None:
    node = Node({1, 2, 3}, most=64)
    assert [node.look(), node.look()] == pytest.approx([1.0, 1.0])


def test_claims_of_a_lap_leave_the_store_to_others() -> None:
    node = Node(set(range(1, 200)), most=64)
    assert node.look() == pytest.approx(0.02)
    node.claim_s = 0.3
    assert node.look() == pytest.approx(0.3)


@pytest.mark.parametrize("claim_s", [0.001, 0.005, 0.1])
@pytest.mark.parametrize("users", [1_000, 20_000])
def test_a_node_looks_for_about_a_fifth_of_the_time_at_most(users: int, claim_s: float) -> None:
    node = Node(set(range(1, users + 1)), most=64, claim_s=claim_s)
    for _ in range(3):
        node.lap()
    assert node.busy_s < 0.21 * node.now


def test_a_claim_amid_a_rest_does_not_end_it() -> None:
    node = Node(set(range(1, 200)), most=64)
    node.lap()
    node.laps.looked(None, began=node.now, ended=node.now, is_full=False)  # a rest begins
    node.now += 0.25
    assert node.look() == pytest.approx(0.75 - node.claim_s)
    assert node.look() == pytest.approx(0.75 - 2 * node.claim_s)


def test_a_claim_that_took_all_it_might_is_followed_by_a_whole_lap_at_once() -> None:
    node = Node(set(range(1, 200)), most=64)
    for _ in range(3):
        node.look()
    assert node.look(is_full=True) == 0.0
    node.looked_at.clear()
    node.lap()
    assert node.looked_at == node.users

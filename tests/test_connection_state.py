"""The connection's state machine, without a loop."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.connections.state import (
    TRANSITIONS,
    AsyncConnectionStateManager,
    ConnectionState,
    IllegalTransition,
)

S = ConnectionState
LIFE = (S.AUTHENTICATING, S.ATTACHING, S.LIVE, S.ATTACHING, S.LIVE, S.DRAINING, S.CLOSED)


def after(*path: ConnectionState) -> AsyncConnectionStateManager:
    machine = AsyncConnectionStateManager()
    for state in path:
        machine.move(state)
    return machine


def test_a_whole_life_is_legal() -> None:
    assert after(*LIFE).state is S.CLOSED


@pytest.mark.parametrize(
    ("path", "answers", "delivers"),
    [
        ((), False, False),
        ((S.AUTHENTICATING,), True, False),
        ((S.AUTHENTICATING, S.ATTACHING), True, True),
        ((S.AUTHENTICATING, S.ATTACHING, S.LIVE), True, True),
        ((S.AUTHENTICATING, S.ATTACHING, S.DRAINING), False, False),
        ((S.CLOSED,), False, False),
    ],
)
def test_what_may_be_sent(path: tuple[ConnectionState, ...], answers: bool, delivers: bool) -> None:
    machine = after(*path)
    assert (machine.may_answer, machine.may_deliver) == (answers, delivers)


def test_an_illegal_step_names_the_legal_ones() -> None:
    with pytest.raises(IllegalTransition, match="accepting to live; legal from here: authent"):
        after(S.LIVE)


def test_closed_is_the_end() -> None:
    with pytest.raises(IllegalTransition, match="legal from here: none"):
        after(S.CLOSED, S.CLOSED)


@given(st.lists(st.sampled_from(ConnectionState), max_size=20))
def test_only_the_table_moves_it(steps: Sequence[ConnectionState]) -> None:
    machine = AsyncConnectionStateManager()
    for step in steps:
        before = machine.state
        if step in TRANSITIONS[before]:
            machine.move(step)
            assert machine.state is step
        else:
            with pytest.raises(IllegalTransition):
                machine.move(step)
            assert machine.state is before

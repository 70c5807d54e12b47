"""An agent's reads outlast a store that is away for a while, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner_world import LIMITS, World, world
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.runner.outbox import OutboxLimits
from threadcast.runner.patient_reads import PatientReads
from threadcast.store.session import RequestScopedSession


class Fickle:
    """A read that fails with these codes, one after the other, and then succeeds."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)
        self.calls = 0

    async def __call__(self, session: RequestScopedSession) -> str:
        self.calls += 1
        if self.codes:
            raise ThreadcastError(self.codes.pop(0))
        return f"read for {session.context.user_id}"


def patient(here: World, limits: OutboxLimits = LIMITS.outbox) -> PatientReads:
    return PatientReads(here.sessions, UserExecutionContext.create("ann", "chat"), limits)


async def test_a_store_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    fickle = Fickle("unavailable", "unavailable", "unavailable")
    async with world(tmp_path) as here:
        assert await patient(here).read(fickle) == "read for ann"
    assert fickle.calls == 4


async def test_what_waiting_does_not_mend_is_raised_at_once(tmp_path: Path) -> None:
    fickle = Fickle("not_found", "unavailable")
    async with world(tmp_path) as here:
        with pytest.raises(ThreadcastError) as raised:
            await patient(here).read(fickle)
    assert (raised.value.code, fickle.calls) == ("not_found", 1)


async def test_a_store_that_stays_away_is_given_up(tmp_path: Path) -> None:
    limits = OutboxLimits(retry_first_s=0.01, retry_pause_max_s=0.01, retry_total_s=0.05)
    fickle = Fickle(*["unavailable"] * 100)
    async with world(tmp_path) as here:
        with pytest.raises(ThreadcastError) as raised:
            await patient(here, limits).read(fickle)
    assert raised.value.code == "unavailable"
    assert 1 < fickle.calls < 100

"""Whoever may have missed a hint is looked at once, at once, and together with others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from threadcast.bus import HintsMissed, RunsWaiting
from threadcast.errors import ThreadcastError
from threadcast.missed_hints import MissedHints


class Looks:
    """Remembers who was looked at; the first looks may fail."""

    def __init__(self, failures: int = 0) -> None:
        self.done: list[list[str]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.looked = asyncio.Event()
        self._failures = failures

    async def look(self, user_ids: Sequence[str]) -> None:
        """Look at these."""
        self.done.append(list(user_ids))
        self.looked.set()
        await self.may_go_on.wait()
        if len(self.done) <= self._failures:
            raise ThreadcastError("unavailable")


async def test_what_gathers_during_a_look_is_looked_at_together() -> None:
    looks = Looks()
    looks.may_go_on.clear()
    missed = MissedHints(looks.look)
    task = asyncio.create_task(missed.run())
    missed.receive(HintsMissed(["ann"]))
    await looks.looked.wait()
    looks.looked.clear()
    missed.receive(HintsMissed(["bob", "ann"]))
    missed.receive(HintsMissed(["carol", "bob"]))
    looks.may_go_on.set()
    await looks.looked.wait()
    task.cancel()

    assert looks.done == [["ann"], ["bob", "ann", "carol"]]


async def test_other_hints_and_nobody_are_no_reason_to_look() -> None:
    looks = Looks()
    missed = MissedHints(looks.look)
    missed.receive(RunsWaiting())
    missed.receive(HintsMissed([]))
    missed.receive(HintsMissed(["ann"]))
    task = asyncio.create_task(missed.run())
    await looks.looked.wait()
    task.cancel()

    assert looks.done == [["ann"]]


async def test_a_look_that_fails_is_left_to_the_head_poll() -> None:
    looks = Looks(failures=1)
    missed = MissedHints(looks.look)
    missed.receive(HintsMissed(["ann"]))
    await missed.step()
    missed.receive(HintsMissed(["bob"]))
    await missed.step()

    assert looks.done == [["ann"], ["bob"]]

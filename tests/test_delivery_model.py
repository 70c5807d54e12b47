"""Delivery against a plain list, by random use of both: nothing lost, nothing doubled.

Real store, journal, bus and cursors; only the ways out are lists, which can be congested. Between
two steps anything may be under way: a step begins work, and does not wait for it, unless it says
so. The model of a journal is the list of what was accepted; that of a reader is a number.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from delivery_scene import Delivery, Reader, delivering, seqs_of
from store_scene import context_of, delta, message, run_context
from threadcast.errors import ThreadcastError
from threadcast.events import JournalEvent, merge_deltas
from threadcast.store.units import (
    AppendToRun,
    CancelRun,
    ClaimedRun,
    ClaimRuns,
    RenewLeases,
    TakeOverRuns,
)

T = TypeVar("T")
USERS = ("ann", "bob")
PAGE_BYTES = 150


@dataclass
class ModelReader:
    """A reader: what it wants next, and where it must never have been."""

    reader: Reader
    after: int = 0
    attached: bool = False
    hears: bool = True


@dataclass
class ModelRun:
    """A run under a lease; whether that lease may still write."""

    claimed: ClaimedRun
    may_write: bool = True


@dataclass
class ModelUser:
    """What a user was promised."""

    keys: dict[str, tuple[int, str]] = field(default_factory=dict)
    readers: list[ModelReader] = field(default_factory=list)


class DeliveryMachine(RuleBasedStateMachine):
    """Uses a delivery and keeps the books."""

    readers: Bundle[ModelReader] = Bundle("readers")
    runs: Bundle[ModelRun] = Bundle("runs")

    @initialize()
    def open(self) -> None:
        """Begin with nothing."""
        self.folder = tempfile.TemporaryDirectory(prefix="threadcast-delivery-")
        self.runner = asyncio.Runner()
        self.users = {user_id: ModelUser() for user_id in USERS}
        self.all_runs: dict[str, ModelRun] = {}
        self.scope: AbstractAsyncContextManager[Delivery] = delivering(
            Path(self.folder.name), page_bytes=PAGE_BYTES
        )
        self.delivery = self.wait(self.scope.__aenter__())

    def teardown(self) -> None:
        """Everything heals: each reader must reach the head, with exactly what it missed."""
        for user in self.users.values():
            for one in user.readers:
                self._heal(one)
        self.check()
        self.wait(self.scope.__aexit__(None, None, None))
        self.runner.close()
        self.folder.cleanup()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.runner.run(work)

    def _heal(self, one: ModelReader) -> None:
        if not one.attached:
            return

        async def caught_up() -> None:
            await self.delivery.journal.drained()
            one.reader.drain()
            head = len(await self.delivery.stored(one.reader.user_id))
            one.reader.cursor.notice(head)
            await one.reader.sink.until(head - one.after)
            if not one.reader.cursor.live:
                await one.reader.live()

        self.wait(caught_up())
        assert one.reader.cursor.live

    # --- what grows -----------------------------------------------------------------------

    @rule(target=runs, user_id=st.sampled_from(USERS), key=st.sampled_from("abcdef"))
    def send(self, user_id: str, key: str) -> ModelRun:
        """Send a message, perhaps one that was sent before; claim its run, if it is new."""
        user = self.users[user_id]

        async def sent() -> ModelRun:
            unit = message(context_of(user_id), key=key, user_runs_max=1_000)
            accepted = await self.delivery.journal.append(unit)
            first = user.keys.setdefault(key, (accepted.seq, accepted.run_id))
            assert (accepted.seq, accepted.run_id) == first
            claim = await self.delivery.journal.append(ClaimRuns("n", 1_000.0, ["demo"], 1))
            if accepted.duplicate:
                assert not claim.runs
                return self.all_runs[accepted.run_id]
            return self.all_runs.setdefault(accepted.run_id, ModelRun(claim.runs[0]))

        return self.wait(sent())

    @rule(run=runs, count=st.integers(1, 12))
    def append(self, run: ModelRun, count: int) -> None:
        """Stream some deltas in one commit."""
        unit = AppendToRun(run.claimed.lease, [delta(f"d{number}") for number in range(count)])
        assert self._append(unit) is run.may_write

    @rule(run=runs, count=st.integers(2, 6))
    def append_without_waiting(self, run: ModelRun, count: int) -> None:
        """Let several commits happen while everything else goes on."""

        async def submitted() -> None:
            for number in range(count):
                unit = AppendToRun(run.claimed.lease, [delta(f"w{number}")])
                self.delivery.journal.submit(unit, lambda _outcome: None)
            await asyncio.sleep(0)

        self.wait(submitted())

    def _append(self, unit: AppendToRun) -> bool:
        async def appended() -> bool:
            try:
                await self.delivery.journal.append(unit)
            except ThreadcastError as error:
                if error.code not in ("fenced", "run_finished"):
                    raise
                return False
            return True

        return self.wait(appended())

    @rule(run=runs)
    def cancel(self, run: ModelRun) -> None:
        """Ask for the end of a run that somebody executes: it is marked, and nothing is added."""
        self.wait(self.delivery.journal.append(CancelRun(run_context(run.claimed), "user")))

    @rule(run=runs)
    def fence(self, run: ModelRun) -> None:
        """The lease lapses and the run is taken over: its owner may write no more."""
        if not run.may_write:
            return

        async def taken_over() -> None:
            lease = run.claimed.lease
            await self.delivery.journal.append(RenewLeases(0.0, [lease]))
            await self.delivery.journal.append(TakeOverRuns(100, 100))
            claim = await self.delivery.journal.append(ClaimRuns("m", 1_000.0, ["demo"], 1))
            assert all(one.lease.fence > lease.fence for one in claim.runs)

        self.wait(taken_over())
        run.may_write = False

    # --- who reads ------------------------------------------------------------------------

    @rule(target=readers, user_id=st.sampled_from(USERS), back=st.integers(0, 10))
    def connect(self, user_id: str, back: int) -> ModelReader:
        """A new reader, a little behind the head."""
        one = ModelReader(self.delivery.reader(user_id))
        self.users[user_id].readers.append(one)
        self._attach(one, back)
        return one

    @rule(one=readers)
    def drop(self, one: ModelReader) -> None:
        """The connection ends: nothing flows any more."""
        self.wait(self._stopped(one))
        one.attached = False

    async def _stopped(self, one: ModelReader) -> None:
        one.reader.cursor.stop()

    @rule(one=readers)
    def resume(self, one: ModelReader) -> None:
        """Go on after the last seq that the reader has."""
        sink = one.reader.sink

        async def resumed() -> None:
            one.reader.cursor.stop()  # whatever it still brought would come again
            position = sink.seqs[-1] if sink.seqs else one.after
            stamp = sink.events[-1].stamp if sink.events else None
            attached = await one.reader.attach(position, at=stamp)
            assert (attached.after, attached.reason) == (position, None)

        self.wait(resumed())
        one.attached = True

    @rule(one=readers, back=st.integers(0, 10))
    def attach_again(self, one: ModelReader, back: int) -> None:
        """Move a cursor: from there on, everything once."""
        self._attach(one, back)

    def _attach(self, one: ModelReader, back: int) -> None:
        async def attached() -> int:
            head = len(await self.delivery.stored(one.reader.user_id))
            one.reader.cursor.stop()
            del one.reader.sink.events[:]
            said = await one.reader.attach(max(0, head - back))
            assert said.reason is None
            return said.after

        one.after = self.wait(attached())
        one.attached = True

    @rule(one=readers, room=st.integers(0, 4))
    def stop_reading(self, one: ModelReader, room: int) -> None:
        """The reader takes so many events more, and then none."""
        one.reader.sink.room_events = room

    @rule(one=readers, room=st.one_of(st.none(), st.integers(1, 6)))
    def read_on(self, one: ModelReader, room: int | None) -> None:
        """The reader reads again, for ever or for a while."""
        self.wait(self._drained(one, room))

    async def _drained(self, one: ModelReader, room: int | None) -> None:
        one.reader.drain(room)

    @rule(one=readers)
    def lose_hints(self, one: ModelReader) -> None:
        """From here on no hint reaches this reader: only the poll of heads helps."""
        one.reader.stop_listening()

    @rule(user_id=st.sampled_from(USERS), lie=st.integers(0, 3))
    def poll(self, user_id: str, lie: int) -> None:
        """The head poll, which may also be wrong."""

        async def polled() -> None:
            head = len(await self.delivery.stored(user_id)) + lie
            for one in self.users[user_id].readers:
                one.reader.cursor.notice(head)

        self.wait(polled())

    @rule(turns=st.integers(1, 20))
    def let_it_run(self, turns: int) -> None:
        """Give everything that is under way a few turns."""

        async def turned() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.wait(turned())

    @rule()
    def settle(self) -> None:
        """Let every append be answered."""
        self.wait(self.delivery.journal.drained())

    # --- what must hold -------------------------------------------------------------------

    @invariant()
    def check(self) -> None:
        """Each reader has exactly what follows its cursor, in the journal's words."""
        for user_id, user in self.users.items():
            got = [(one, list(one.reader.sink.events)) for one in user.readers]
            stored = self.wait(self.delivery.stored(user_id))
            assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
            for one, events in got:
                assert not one.reader.sink.refused, "pushed to while congested"
                self._compare(one, events, stored)

    def _compare(
        self, one: ModelReader, got: list[JournalEvent], stored: list[JournalEvent]
    ) -> None:
        seqs = [seq for event in got for seq in seqs_of(event)]
        assert seqs == list(range(one.after + 1, one.after + 1 + len(seqs)))
        for event in got:
            parts = [stored[seq - 1] for seq in seqs_of(event)]
            assert event.address.user_id == one.reader.user_id
            assert event.stamp == parts[-1].stamp
            assert event.data == merge_deltas(parts)[0].data


def test_delivery_keeps_to_its_model() -> None:
    run_state_machine_as_test(
        DeliveryMachine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Each store against a model of lists and dictionaries, by random use of both."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from patience import DATABASE_WAIT_S
from postgres_server import NEWEST, PostgresServer, PostgresServers
from store_scene import LEASE_S, NOW, Scene, completed, context_of, delta, message
from threadcast.context import UserExecutionContext
from threadcast.store import Store
from threadcast.store.postgres import PostgresStore
from threadcast.store.sqlite import SqliteStore
from threadcast.store.units import (
    AppendToRun,
    CancelRun,
    Committed,
    DeleteThread,
    Lease,
    Outcome,
    Rejected,
    Unit,
)
from threadcast.testing.clock import ManualClock

T = TypeVar("T")
USERS = st.sampled_from(["ann", "bob"])
KEYS = st.sampled_from(["k1", "k2", "k3"])
DIGESTS = st.sampled_from([b"one", b"two"])
ENDED = ("completed", "cancelled", "failed")


@dataclass
class ModelRun:
    """A run."""

    context: UserExecutionContext
    seq: int
    status: str = "queued"
    fence: int = 0
    lease_until: float = 0.0
    cancel_reason: str | None = None


@dataclass
class ModelUser:
    """A user's journal: (type, thread) by seq from 1, and what is known of keys and threads."""

    events: list[tuple[str, str]] = field(default_factory=list)
    keys: dict[str, tuple[bytes, ModelRun]] = field(default_factory=dict)
    threads: dict[str, bool] = field(default_factory=dict)

    def add(self, kind: str, context: UserExecutionContext) -> int:
        """Append an event; its seq."""
        self.events.append((kind, context.thread_id))
        return len(self.events)

    def visible(self) -> list[tuple[int, str]]:
        """What a session shows: nothing of deleted threads but that they were deleted."""
        return [
            (seq, kind)
            for seq, (kind, thread_id) in enumerate(self.events, start=1)
            if self.threads[thread_id] or kind == "thread_deleted"
        ]


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to the model, and compares every answer."""

    threads: Bundle[UserExecutionContext] = Bundle("threads")
    runs: Bundle[ModelRun] = Bundle("runs")
    leases: Bundle[tuple[ModelRun, Lease]] = Bundle("leases")

    @initialize()
    def open(self) -> None:
        """Begin with an empty database."""
        self.folder = tempfile.TemporaryDirectory(prefix="threadcast-model-")
        self.runner = asyncio.Runner()
        self.clock = ManualClock(NOW)
        self.store = self.new_store()
        self.scene = Scene(self.store)
        self.users = {"ann": ModelUser(), "bob": ModelUser()}
        self.all_runs: list[ModelRun] = []
        self.wait(self.store.open())

    def new_store(self) -> Store:
        """An empty store, not yet open."""
        return SqliteStore(Path(self.folder.name) / "a.db", clock=self.clock, reader_count=1)

    def pass_time(self, seconds: float) -> None:
        """Let the clock of leases move on."""
        self.clock.advance(seconds)

    def teardown(self) -> None:
        """Close the database."""
        self.wait(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.runner.run(work)

    def commit(self, unit: Unit[Any]) -> Outcome:
        """Commit one unit."""
        return self.wait(self.scene.outcomes(unit))[0]

    def refused(self, unit: Unit[Any], code: str) -> None:
        """Commit a unit that the model refuses."""
        outcome = self.commit(unit)
        assert isinstance(outcome, Rejected), outcome
        assert outcome.error.code == code

    def committed(self, unit: Unit[Any]) -> Committed:
        """Commit a unit that the model accepts."""
        outcome = self.commit(unit)
        assert isinstance(outcome, Committed), outcome
        return outcome

    # --- what people do -------------------------------------------------------------------

    @rule(target=threads, user_id=USERS, key=KEYS, digest=DIGESTS)
    def send_to_a_new_thread(self, user_id: str, key: str, digest: bytes) -> UserExecutionContext:
        """Send a message that begins a thread."""
        context = context_of(user_id)
        self._send(context, key, digest, new_thread=True)
        return context

    @rule(target=runs, thread=threads, key=KEYS, digest=DIGESTS)
    def send_to_a_thread(self, thread: UserExecutionContext, key: str, digest: bytes) -> ModelRun:
        """Send a message to a thread, which may be deleted or never have been made."""
        context = context_of(thread.user_id, thread.thread_id)
        return self._send(context, key, digest, new_thread=False)

    def _send(
        self, context: UserExecutionContext, key: str, digest: bytes, *, new_thread: bool
    ) -> ModelRun:
        user = self.users[context.user_id]
        unit = message(context, key=key, digest=digest, new_thread=new_thread, user_runs_max=1_000)
        if key in user.keys:
            first_digest, run = user.keys[key]
            if digest != first_digest:
                self.refused(unit, "idempotency_conflict")
            else:
                result = self.committed(unit).result
                assert (result.run_id, result.seq) == (run.context.run_id, run.seq)
                assert result.duplicate
            return run
        if not new_thread and not user.threads.get(context.thread_id):
            self.refused(unit, "not_found")
            return ModelRun(context, 0, "unknown")
        return self._begin(user, unit, context, key, digest)

    def _begin(
        self,
        user: ModelUser,
        unit: Unit[Any],
        context: UserExecutionContext,
        key: str,
        digest: bytes,
    ) -> ModelRun:
        if context.thread_id not in user.threads:
            user.threads[context.thread_id] = True
            user.add("thread_created", context)
        run = ModelRun(context, user.add("message_created", context))
        if self._live(context):
            user.add("run_queued", context)
        user.keys[key] = (digest, run)
        self.all_runs.append(run)
        assert self.committed(unit).result.seq == run.seq
        return run

    def _live(self, context: UserExecutionContext) -> list[ModelRun]:
        return [
            run
            for run in self.all_runs
            if run.status not in ENDED
            and run.context.user_id == context.user_id
            and run.context.thread_id == context.thread_id
        ]

    @rule(run=runs)
    def cancel(self, run: ModelRun) -> None:
        """Ask for the end of a run, whatever its status."""
        unit = CancelRun(run.context, "user")
        if run.status == "unknown":
            self.refused(unit, "not_found")
            return
        if run.status == "queued":
            self._end(run, "cancelled")
        elif run.status == "running":
            run.cancel_reason = "user"
        assert self.committed(unit).result.status == run.status

    def _end(self, run: ModelRun, status: str) -> None:
        run.status = status
        self.users[run.context.user_id].add(f"agent_{status}", run.context)

    @rule(thread=threads)
    def delete(self, thread: UserExecutionContext) -> None:
        """Delete a thread."""
        user = self.users[thread.user_id]
        unit = DeleteThread(thread)
        if not user.threads.get(thread.thread_id):
            self.refused(unit, "not_found")
            return
        for run in self._live(thread):
            run.fence += run.status == "running"
            self._end(run, "cancelled")
        seq = user.add("thread_deleted", thread)
        user.threads[thread.thread_id] = False
        assert self.committed(unit).result.seq == seq

    # --- what nodes do --------------------------------------------------------------------

    @rule(target=leases)
    def claim(self) -> tuple[ModelRun, Lease] | MultipleResults[Any]:
        """Claim the run whose turn it is: of users who have least, the oldest that may begin."""
        claimed = self.wait(self.scene.claim(1))
        may_begin = [run for run in self.all_runs if self._may_begin(run)]
        expected = min(may_begin, key=self._executing, default=None)
        if expected is None:
            assert claimed == []
            return multiple()
        expected.status = "running"
        expected.lease_until = self.clock.now() + LEASE_S
        lease = claimed[0].lease
        assert lease.run_id == expected.context.run_id
        assert lease.fence > expected.fence
        expected.fence = lease.fence
        return (expected, lease)

    def _executing(self, run: ModelRun) -> int:
        """How many runs of the run's user execute."""
        user_id = run.context.user_id
        return sum(
            one.status == "running" and one.context.user_id == user_id for one in self.all_runs
        )

    def _may_begin(self, run: ModelRun) -> bool:
        return run.status == "queued" and self._live(run.context)[0] is run

    @rule(held=leases, count=st.integers(0, 3), ends=st.booleans())
    def append(self, held: tuple[ModelRun, Lease], count: int, ends: bool) -> None:
        """Append under a lease, which may be an old one."""
        run, lease = held
        drafts = [delta(str(number)) for number in range(count)] + [completed()] * ends
        unit = AppendToRun(lease, drafts)
        if run.fence != lease.fence:
            self.refused(unit, "fenced")
        elif run.status in ENDED:
            self.refused(unit, "run_finished")
        else:
            user = self.users[run.context.user_id]
            for _ in range(count):
                user.add("agent_delta", run.context)
            if ends:
                self._end(run, "completed")
            assert self.committed(unit).result == len(user.events)

    # What a slow machine adds in passing must not end a lease in one of both only.
    @rule(seconds=st.sampled_from([4.0, LEASE_S + 1.0]))
    def take_over(self, seconds: float) -> None:
        """Let time pass and take over what has lapsed."""
        self.pass_time(seconds)
        requeued, ended = set(), set()
        lapsed = [
            run
            for run in self.all_runs
            if run.status == "running" and run.lease_until <= self.clock.now()
        ]
        for run in sorted(lapsed, key=lambda run: run.lease_until):
            run.fence += 1
            if run.cancel_reason is None:
                run.status = "queued"
                requeued.add(run.context.run_id)
            else:
                self._end(run, "cancelled")
                ended.add(run.context.run_id)
        taken = self.wait(self.scene.take_over(attempts_max=1_000))
        assert (set(taken.requeued), set(taken.ended)) == (requeued, ended)

    # --- what is read ---------------------------------------------------------------------

    @rule(user_id=USERS, after=st.integers(0, 40), limit=st.integers(1, 10))
    def read(self, user_id: str, after: int, limit: int) -> None:
        """Read a page from a cursor of any age."""
        expected = [entry for entry in self.users[user_id].visible() if entry[0] > after][:limit]
        assert self.wait(self._page(user_id, after, limit)) == expected

    async def _page(self, user_id: str, after: int, limit: int) -> list[tuple[int, str]]:
        async with self.scene.session(user_id) as session:
            events = (await session.page(after, limit=limit, max_bytes=1_000_000)).events
        return [(event.seq, event.event_type.value) for event in events]

    @invariant()
    def heads_agree(self) -> None:
        """The head of every journal is the number of its events."""
        if hasattr(self, "users"):
            expected = {name: len(user.events) for name, user in self.users.items() if user.events}
            assert self.wait(self.store.heads(list(self.users))) == expected


class PostgresMachine(StoreMachine):
    """The same on a real PostgreSQL."""

    server: ClassVar[PostgresServer]

    def new_store(self) -> Store:
        """See `StoreMachine.new_store`."""
        self.url = self.wait(self.server.new_schema())
        return PostgresStore(self.url, clock=self.clock, reader_count=1, timeout_s=DATABASE_WAIT_S)

    def pass_time(self, seconds: float) -> None:
        """See `StoreMachine.pass_time`: that all leases end earlier is the same."""
        super().pass_time(seconds)
        schema = self.url.rpartition("=")[2]
        sql = f"UPDATE {schema}.runs SET lease_until = lease_until - interval '{seconds} s'"
        self.wait(self.server.run(sql))


def run(machine: type[StoreMachine], *, examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_embedded_store_does_what_the_model_does() -> None:
    run(StoreMachine, examples=40)


def test_the_shared_store_does_what_the_model_does(postgres_servers: PostgresServers) -> None:
    PostgresMachine.server = postgres_servers.of(NEWEST)
    run(PostgresMachine, examples=12)

"""The journal service: the only writer of events, by group commit.

Appends of all runs and commands of this node go through one queue. One task takes the batch that
has gathered, has the store commit it in one transaction, answers the callers and announces the
events. The next batch gathers while a commit is under way, so no timer is needed and load makes
each event cheaper. Nothing is announced before it is committed. An append ends in one of three
ways: committed, rejected, or unknown; units in flight when this service dies are unknown.

Places of connections have a queue and a task of their own, so events never wait behind thousands of
connecting clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar, cast

from ..bus import Bus, Hint, JournalGrew, RunsWaiting
from ..clock import Clock
from ..errors import OutcomeUnknown, ThreadcastError
from ..events import JournalEvent
from ..metrics import Metrics
from ..store import Store
from ..store.place_units import VOLATILE
from ..store.units import Committed, Outcome, Rejected, Unit
from ..tracing import Tracing
from .commit_queue import CommitQueue, Done, Waiting
from .lulls import Lulls

T = TypeVar("T")
_SEQ = attrgetter("seq")


class Journal:
    """Queues units and has them committed in batches.

    Args:
        store: commits.
        bus: hints of what was committed are published here.
        clock: wall time for the events.
        metrics: times and counts commits.
        batch_max_events: about the most events that go into one commit.
        queue_max_units: how many appends may wait; further ones are rejected as `overloaded`.
        tracing: is given one span for each commit.
        lulls: begin and end as events have or have not to wait for a commit.

    The caller runs `run()` in a task that lives as long as the journal is used.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        clock: Clock,
        metrics: Metrics,
        *,
        batch_max_events: int,
        queue_max_units: int,
        tracing: Tracing | None = None,
        lulls: Lulls | None = None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._metrics = metrics
        self._tracing = tracing or Tracing()
        self._batch_max_events = batch_max_events
        self._queue_max_units = queue_max_units
        self._events = CommitQueue(lulls or Lulls())
        self._places = CommitQueue(Lulls())  # in which nobody waits

    def submit(self, unit: Unit[Any], done: Done) -> None:
        """Queue a unit; `done` is called on the loop with its outcome, exactly once.

        `done` must not raise. One user's commands are committed in the order of submission, and so
        is what is appended to one run. Different kinds of units have no order among each other.
        """
        queue = self._places if isinstance(unit, VOLATILE) else self._events
        if queue.closed:
            done(Rejected(ThreadcastError("shutting_down")))
        elif len(queue) >= self._queue_max_units:
            done(Rejected(ThreadcastError("overloaded")))
        else:
            queue.put(unit, done)

    async def append(self, unit: Unit[T]) -> T:
        """Commit a unit and return its result.

        Cancelling the caller does not withdraw the unit.

        Raises:
            ThreadcastError: rejected; nothing of it is stored.
            OutcomeUnknown: whether it is stored cannot be known.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.submit(unit, done)
        outcome = await future
        if isinstance(outcome, Rejected):
            raise outcome.error.with_traceback(None)  # all units of a failed commit share one
        return cast("T", outcome.result)

    async def run(self) -> None:
        """Commit batches until cancelled; units taken and not answered become unknown."""
        create_task = asyncio.get_running_loop().create_task
        both = [create_task(self._commit_from(one)) for one in (self._events, self._places)]
        try:
            await asyncio.gather(*both)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
            self._events.close()
            self._places.close()

    async def drained(self) -> None:
        """Wait until every submitted unit is answered."""
        await self._events.idle.wait()
        await self._places.idle.wait()

    async def _commit_from(self, queue: CommitQueue) -> None:
        while True:
            await queue.work.wait()
            await self._step(queue)

    async def _step(self, queue: CommitQueue) -> None:
        batch = queue.take(self._batch_max_events)
        self._metrics.queued_units.set(len(self._events) + len(self._places))
        started = self._clock.monotonic()
        with self._tracing.span("journal commit", {"threadcast.units": len(batch)}) as span:
            outcomes = await self._commit(batch)
            if span.is_recording():
                span.set_attribute("threadcast.events", _event_count(outcomes))
        finished = self._clock.monotonic()
        self._answer(batch, outcomes)
        count = self._announce(outcomes)
        if queue is self._events:
            self._metrics.commit_events.observe(count)
            self._metrics.commit_seconds.observe(finished - started)
            self._metrics.commit_to_send_seconds.observe(self._clock.monotonic() - finished)
        if queue:
            await asyncio.sleep(0)
        else:
            queue.mark_idle()

    async def _commit(self, batch: Sequence[Waiting]) -> Sequence[Outcome]:
        units = [unit for unit, _ in batch]
        try:
            return await self._store.commit(units, now=self._clock.now())
        except ThreadcastError as error:
            self._metrics.commit_failures.labels(error.code).inc()
            return [Rejected(error)] * len(units)
        except BaseException:
            lost = Rejected(OutcomeUnknown("the server stopped during the commit"))
            self._answer(batch, [lost] * len(batch))
            raise

    def _answer(self, batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            done(outcome)

    def _announce(self, outcomes: Sequence[Outcome]) -> int:
        """Publish what was committed on the bus; returns the number of events."""
        grown: dict[str, list[JournalEvent]] = {}
        count = 0
        for outcome in outcomes:
            if isinstance(outcome, Committed) and outcome.events:
                count += len(outcome.events)
                _gather(outcome.events, grown)
        for events in grown.values():
            events.sort(key=_SEQ)  # a store may apply units in another order
        committed = [outcome for outcome in outcomes if isinstance(outcome, Committed)]
        self._bus.publish(
            *(JournalGrew(user_id, events) for user_id, events in grown.items()),
            *_once(hint for outcome in committed for hint in outcome.hints),
        )
        self._metrics.events.inc(count)
        return count


def _once(hints: Iterable[Hint]) -> list[Hint]:
    """Each hint once, and one for all runs that wait: it costs a claim."""
    distinct = dict.fromkeys(hints)
    waiting = [hint for hint in distinct if isinstance(hint, RunsWaiting)]
    if len(waiting) < 2:
        return list(distinct)
    users = dict.fromkeys(user_id for hint in waiting for user_id in hint.user_ids)
    others = [hint for hint in distinct if not isinstance(hint, RunsWaiting)]
    return [RunsWaiting(user_ids=tuple(users)), *others]


def _event_count(outcomes: Sequence[Outcome]) -> int:
    return sum(len(one.events) for one in outcomes if isinstance(one, Committed))


def _gather(events: Sequence[JournalEvent], grown: dict[str, list[JournalEvent]]) -> None:
    """Add a unit's events to their users' lists; most units belong to one user."""
    user_id = events[0].address.user_id
    if all(event.address.user_id == user_id for event in events):
        grown.setdefault(user_id, []).extend(events)
        return
    for event in events:
        grown.setdefault(event.address.user_id, []).append(event)

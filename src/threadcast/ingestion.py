"""Ingestion of other services' events: many per request, each judged by itself, few in memory.

Events are gathered into chunks, and a chunk is committed before more is read. So a busy journal
exerts backpressure on the sender, and one request holds at most a chunk and the short results of
those before it. The events of one user are committed in order of arrival. This module may not know
HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .check_modes import Refuse, always
from .clock import Clock
from .context import UserExecutionContext
from .delivery.commit_queue import ingest_weight
from .delivery.journal import Journal
from .errors import ThreadcastError
from .ids import UnifiedIdGenerator
from .metrics import Metrics
from .rates import BucketPerKey, rate_limited
from .settings import Settings
from .store.session import AliasUsed
from .store.units import Ingested, IngestEvents
from .wire.external_event import ExternalEvent, read_external_event
from .wire.ingest_models import IngestAnswer, IngestResult, IngestStop

CHUNK_MAX_EVENTS = 256
CHUNK_MAX_BYTES = 1_048_576
_CHUNK_MAX_WEIGHT = 2_048  # takes a tenth of a second or so, on PostgreSQL
# How much is decoded before the loop is yielded.
_BREATHE_EVENTS = 32
_BREATHE_BYTES = 65_536
_USERS_NAMED_MAX = 10

log = logging.getLogger(__name__)

Numbered = tuple[int, ExternalEvent]


class Ingestion:
    """Appends services' events, within their limits.

    Args:
        journal: takes the events.
        settings: the limits.
        clock: for the rates.
        metrics: counts the outcome of every event.
        on_alias_used: called for every stored event that names its thread by a legacy id.
        refuse: is called with the reason for events beyond their rate.
    """

    def __init__(
        self,
        journal: Journal,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        *,
        on_alias_used: AliasUsed,
        refuse: Refuse = always,
    ) -> None:
        self._refuse = refuse
        self.journal = journal
        self.settings = settings
        self.metrics = metrics
        self.on_alias_used = on_alias_used
        self._clock = clock
        self._rates = BucketPerKey(settings.ingest_events_per_s, settings.ingest_events_burst)
        self._under_way = 0

    def take_settings(self, settings: Settings) -> None:
        """Apply these limits from now on."""
        self.settings = settings
        self._rates.allow(settings.ingest_events_per_s, settings.ingest_events_burst)

    @contextmanager
    def request(self, service: str) -> Iterator[IngestRequest]:
        """One request of a service, named by the subject of its credential.

        Raises:
            ThreadcastError: `overloaded`: too many requests are under way.
        """
        limit = self.settings.ingest_requests_max
        if self._under_way >= limit:
            raise ThreadcastError("overloaded", f"at most {limit} ingest requests at once")
        self._under_way += 1
        request = IngestRequest(self, service)
        try:
            yield request
        finally:
            self._under_way -= 1
            request.log_outcome()

    def admit(self, service: str, count: int) -> None:
        """Let a service append `count` more events.

        Raises:
            ThreadcastError: `rate_limited`.
        """
        wait_s = self._rates.take(service, self._clock.monotonic(), count)
        if wait_s:
            allowed = f"at most {self.settings.ingest_events_per_s:g} events a second"
            self._refuse(rate_limited(wait_s, allowed))


class IngestRequest:
    """The events of one request, in order of arrival.

    Args:
        ingestion: where limits and journal are.
        service: the subject of the service's credential.

    Attributes:
        count: how many events were taken, refused ones included.
    """

    def __init__(self, ingestion: Ingestion, service: str) -> None:
        self._ingestion = ingestion
        self._settings = ingestion.settings
        self._service = service
        self._chunk: list[Numbered] = []
        self._chunk_bytes = self._chunk_weight = 0
        self._unbroken_bytes = 0
        self._results: list[IngestResult] = []
        self._counts = {"stored": 0, "duplicate": 0, "refused": 0}
        self._users: set[str] = set()
        self._stop_at = 0
        self._error: ThreadcastError | None = None
        self.count = 0

    async def take(self, text: bytes | None) -> bool:
        """Take the next event; waits for a commit when enough have gathered.

        Args:
            text: its JSON; None for one that was too long to be kept.

        Returns:
            Whether to go on; False when this event and all that follow are ignored.
        """
        if self.count >= self._settings.ingest_events_max:
            limit = self._settings.ingest_events_max
            await self.stop(ThreadcastError("body_too_large", f"expected at most {limit} events"))
            return False
        index = self.count
        self.count += 1
        try:
            event = self._read(text)
        except ThreadcastError as error:
            self._note(index, error)
        else:
            self._chunk.append((index, event))
            self._chunk_bytes += len(text or b"")
            self._chunk_weight += ingest_weight(event.draft)
        if self._chunk_is_full:
            await self._commit()
        elif self._is_turn_of_others(len(text or b"")):
            await asyncio.sleep(0)
        return self._error is None

    @property
    def _chunk_is_full(self) -> bool:
        return (
            len(self._chunk) >= CHUNK_MAX_EVENTS
            or self._chunk_bytes >= CHUNK_MAX_BYTES
            or self._chunk_weight >= _CHUNK_MAX_WEIGHT
        )

    def _is_turn_of_others(self, size_bytes: int) -> bool:
        self._unbroken_bytes += size_bytes
        if self.count % _BREATHE_EVENTS and self._unbroken_bytes < _BREATHE_BYTES:
            return False
        self._unbroken_bytes = 0
        return True

    async def stop(self, error: ThreadcastError) -> None:
        """Commit what was taken, and record why nothing after it was looked at."""
        await self._commit()
        self._stop(self.count, error)

    async def finish(self) -> IngestAnswer:
        """Commit what is left; the result of every event.

        Raises:
            ThreadcastError: what stopped the request, when nothing was decided before.
        """
        await self._commit()
        if self._error is not None and not self._results:
            raise self._error
        self._results.sort(key=lambda result: result.index)
        return IngestAnswer(
            stored=self._counts["stored"],
            duplicates=self._counts["duplicate"],
            refused=self._counts["refused"],
            stopped=None if self._error is None else IngestStop.at(self._stop_at, self._error),
            results=self._results,
        )

    def log_outcome(self) -> None:
        """Log which service appended for which users, for operators; no content."""
        if not self.count:
            return
        named = ", ".join(ascii(user) for user in sorted(self._users)[:_USERS_NAMED_MAX])
        log.info(
            "service %a ingested: %d stored, %d duplicate, %d refused, for %d user(s): %s%s",
            self._service,
            *self._counts.values(),
            len(self._users),
            named or "none",
            ", ..." if len(self._users) > _USERS_NAMED_MAX else "",
        )

    def _read(self, text: bytes | None) -> ExternalEvent:
        if text is None:
            limit = self._settings.ingest_event_max_bytes
            raise ThreadcastError("too_long", f"expected an event of at most {limit} bytes")
        event = read_external_event(text, data_max_bytes=self._settings.event_max_bytes)
        prefixes = self._settings.ingest_user_prefixes
        if prefixes and not event.user_id.startswith(prefixes):
            raise ThreadcastError("forbidden", "user_id: no events may be ingested for this user")
        return event

    async def _commit(self) -> None:
        """Commit the chunk, waiting for as long as the journal takes."""
        chunk, self._chunk = self._chunk, []
        self._chunk_bytes = self._chunk_weight = 0
        if not chunk or self._error is not None:
            return
        try:
            self._ingestion.admit(self._service, len(chunk))
        except ThreadcastError as error:
            self._stop(chunk[0][0], error)
            return
        by_user: dict[str, list[Numbered]] = {}
        for numbered in chunk:
            by_user.setdefault(numbered[1].user_id, []).append(numbered)
        async with asyncio.TaskGroup() as tasks:
            for user_id, events in by_user.items():
                tasks.create_task(self._append(user_id, events))

    async def _append(self, user_id: str, events: Sequence[Numbered]) -> None:
        unit = IngestEvents(
            UserExecutionContext.create(user_id, "ingest"),
            [event for _, event in events],
            self._settings.external_run_silence_s,
        )
        try:
            results = await self._ingestion.journal.append(unit)
        except ThreadcastError as error:
            self._stop(events[0][0], error)
            return
        self._users.add(user_id)
        for (index, event), result in zip(events, results, strict=True):
            self._note(index, result)
            if isinstance(result, Ingested) and not result.duplicate:
                self._note_older_id(unit.context, event.thread_id)

    def _note_older_id(self, context: UserExecutionContext, thread_id: str | None) -> None:
        if thread_id is not None and not UnifiedIdGenerator.is_valid_id(thread_id, "thread"):
            self._ingestion.on_alias_used(context, thread_id, "ingest")

    def _note(self, index: int, result: Ingested | ThreadcastError) -> None:
        noted = _result(index, result)
        self._results.append(noted)
        self._counts[noted.outcome] += 1
        self._ingestion.metrics.ingested.labels(noted.outcome).inc()

    def _stop(self, index: int, error: ThreadcastError) -> None:
        """Remember the first event that was not decided, and why."""
        if self._error is None or index < self._stop_at:
            self._stop_at, self._error = index, error


def _result(index: int, result: Ingested | ThreadcastError) -> IngestResult:
    if isinstance(result, ThreadcastError):
        return IngestResult(
            index=index, outcome="refused", code=result.code, message=result.message
        )
    return IngestResult(
        index=index, outcome="duplicate" if result.duplicate else "stored", seq=result.seq
    )

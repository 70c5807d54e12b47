"""Turns a dumped thread into a thread with runs and events.

A message begins a run and the answer after it ends it. A message without an answer is a cancelled
run; an answer without a message is a run of its own. Pure: it knows no store and no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET, UnsetType

from ..context import UserExecutionContext
from ..events import (
    AgentCancelled,
    AgentCompleted,
    AgentStarted,
    EventDraft,
    EventType,
    MessageCreated,
    ThreadData,
    encode_json,
)
from ..ids import ContextIds, UnifiedIdGenerator
from ..ids.migrated import migrated_context_ids, run_ids_after
from ..runs import RunStatus
from ..store.migration_units import ImportedRun, ImportedThread
from ..wire.normalize import epoch_seconds
from .dump import DumpedMessage, DumpedThread

__all__ = ["IMPORTED_AGENT", "plan"]

IMPORTED_AGENT = "imported"
"""The agent that imported runs name."""

TITLE_MAX_CHARACTERS = 200
MESSAGES_MAX = 10_000
MESSAGE_MAX_CHARACTERS = 65_536
CONTENT_MAX_BYTES = 262_144
"""Longest content as JSON, as that of an event of our own agents and clients."""
_NO_ANSWER = "imported without an answer"

_Turn = tuple[DumpedMessage | None, DumpedMessage | None]


def plan(thread: DumpedThread) -> ImportedThread:
    """The thread to store for a dumped one.

    Raises:
        ValueError: it cannot be stored; the message says what was expected and what came.
    """
    user_id, named = str(thread.user_id), str(thread.thread_id)
    is_present = UnifiedIdGenerator.is_valid_id(named, "thread")
    ids = _set_of(named) if is_present else migrated_context_ids(named, user_id)
    _check_title(thread.title or "")
    messages = thread.messages or []
    if len(messages) > MESSAGES_MAX:
        raise ValueError(f"messages: expected at most {MESSAGES_MAX}, got {len(messages)}")
    times = [_checked(number, message) for number, message in enumerate(messages)]
    created_at = _seconds("created_at", thread.created_at)
    known = [at for at in (created_at, *times) if at is not None]
    return ImportedThread(
        context=UserExecutionContext(user_id, *ids),
        legacy_id=None if is_present else named,
        title=thread.title,
        created=EventDraft.of(
            EventType.THREAD_CREATED, ThreadData(thread.title, created_at=_dated(created_at))
        ),
        created_at=min(known, default=None) if created_at is None else created_at,
        updated_at=max(known, default=None),
        runs=_runs(ids, messages, times),
    )


def _set_of(thread_id: str) -> ContextIds:
    parsed = UnifiedIdGenerator.parse_id(thread_id)
    if parsed is None or parsed.random is None:
        raise AssertionError("a thread id has all its parts")
    operation = parsed.prefix.removeprefix("thread_")
    return UnifiedIdGenerator.rebuild_context_ids(
        operation, parsed.timestamp_ms, parsed.counter, parsed.random
    )


def _check_title(title: str) -> None:
    if len(title) > TITLE_MAX_CHARACTERS:
        expected = f"expected at most {TITLE_MAX_CHARACTERS} characters"
        raise ValueError(f"title: {expected}, got {len(title)}")
    if "\0" in title:
        raise ValueError("title: expected no U+0000, got one")


def _checked(number: int, message: DumpedMessage) -> float | None:
    """The message's time.

    Raises:
        ValueError: it is no message that can be kept.
    """
    name = f"messages[{number}]"
    characters = len(message.content)
    if message.role == "user":
        if not 1 <= characters <= MESSAGE_MAX_CHARACTERS:
            expected = f"expected 1..{MESSAGE_MAX_CHARACTERS} characters"
            raise ValueError(f"{name}.content: {expected}, got {characters}")
    elif message.role != "assistant":
        raise ValueError(f"{name}.role: expected user or assistant, got another")
    if characters * 6 > CONTENT_MAX_BYTES:  # an escaped character has six bytes
        _check_size(name, message.content)
    if "\0" in message.content:
        raise ValueError(f"{name}.content: expected no U+0000, got one")
    return _seconds(f"{name}.created_at", message.created_at)


def _check_size(name: str, content: str) -> None:
    size_bytes = len(encode_json(content))
    if size_bytes > CONTENT_MAX_BYTES:
        expected = f"expected at most {CONTENT_MAX_BYTES} bytes of JSON"
        raise ValueError(f"{name}.content: {expected}, got {size_bytes}")


def _seconds(name: str, value: float | str | None) -> float | None:
    """A time to the microsecond."""
    if value is None:
        return None
    seconds = epoch_seconds(value)
    if seconds is None:
        came = "other text" if isinstance(value, str) else "a number out of range"
        expected = "expected seconds since the epoch or ISO 8601 text"
        raise ValueError(f"{name}: {expected}, got {came}")
    return round(seconds, 6)


def _runs(
    ids: ContextIds, messages: Sequence[DumpedMessage], times: Sequence[float | None]
) -> list[ImportedRun]:
    runs = []
    at = 0
    for number, turn in enumerate(_turns(messages)):
        size = len(turn) - turn.count(None)
        run_id = (run_ids_after(ids, number) if number else ids).run_id
        runs.append(_run(run_id, turn, times[at : at + size]))
        at += size
    return runs


def _turns(messages: Sequence[DumpedMessage]) -> Iterator[_Turn]:
    """Messages with the answers behind them."""
    question: DumpedMessage | None = None
    for message in messages:
        if message.role == "assistant":
            yield question, message
            question = None
            continue
        if question is not None:
            yield question, None
        question = message
    if question is not None:
        yield question, None


def _run(run_id: str, turn: _Turn, times: Sequence[float | None]) -> ImportedRun:
    question, answer = turn
    first_at, last_at = times[0], times[-1]
    drafts = []
    if question is not None:
        message = MessageCreated("user", question.content, run_id, created_at=_dated(first_at))
        drafts.append(EventDraft.of(EventType.MESSAGE_CREATED, message))
    if answer is None:
        cancelled = AgentCancelled(_NO_ANSWER, created_at=_dated(first_at))
        drafts.append(EventDraft.of(EventType.AGENT_CANCELLED, cancelled))
    else:
        started = AgentStarted(IMPORTED_AGENT, 1, created_at=_dated(first_at))
        completed = AgentCompleted(
            answer.content, _duration_ms(first_at, last_at), created_at=_dated(last_at)
        )
        drafts.append(EventDraft.of(EventType.AGENT_STARTED, started))
        drafts.append(EventDraft.of(EventType.AGENT_COMPLETED, completed))
    return ImportedRun(
        run_id=run_id,
        agent=IMPORTED_AGENT,
        drafts=drafts,
        status=RunStatus.CANCELLED if answer is None else RunStatus.COMPLETED,
        content=None if question is None else question.content,
        client_message_id=run_id,
        created_at=first_at,
        ended_at=last_at,
    )


def _dated(at: float | None) -> float | UnsetType:
    return UNSET if at is None else at


def _duration_ms(first_at: float | None, last_at: float | None) -> int:
    if first_at is None or last_at is None:
        return 0
    return max(0, round((last_at - first_at) * 1000))

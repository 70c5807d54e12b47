"""What a handler gets: the request, the server's parts, and the authenticated user.

Handlers take a `UserCall` and reach rows only through its session, so that they cannot name another
user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from ..auth.identity import Identity
from ..consistency.kinds import TrackedOperation
from ..consistency.trace import ConsistencyTrace
from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..ids import UnifiedIdGenerator
from ..node import Node
from ..store.records import RunRow
from ..store.session import Entrance, RequestScopedSession
from .requests import read_object, read_optional_object

T = TypeVar("T", bound=msgspec.Struct)


class Identify(Protocol):
    """Authenticates a request."""

    async def __call__(self, operation: str, *, while_unavailable: bool = False) -> UserCall:
        """Authenticate, and return the user's call.

        Args:
            operation: names the operation, for the request's ids.
            while_unavailable: accept a verified credential even while the store is unavailable, so
                that its revocation cannot be checked.

        Raises:
            ThreadcastError: why the request is refused.
        """
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        request: its body is not read yet.
        node: the server's parts.
        identify: authenticates.
    """

    request: Request
    node: Node
    identify: Identify

    async def body(self, expected: type[T]) -> T:
        """The body as this struct; see `read_object`."""
        limit = self.node.settings.body_max_bytes
        return await read_object(self.request, expected, max_bytes=limit)

    async def optional_body(self, expected: type[T]) -> T:
        """The body as this struct; no body counts as an empty object."""
        limit = self.node.settings.body_max_bytes
        return await read_optional_object(self.request, expected, max_bytes=limit)


@dataclass(frozen=True, slots=True)
class UserCall(Call):
    """One request of an authenticated user.

    Attributes:
        identity: the user.
        context: the request's own; its ids are fresh.
        trace: the trace that follows its ids, if they are followed.
    """

    identity: Identity
    context: UserExecutionContext
    trace: ConsistencyTrace | None

    def admit_work(self) -> None:
        """Refuse new work on a draining node: it may be the only one, and stay down for long.

        Raises:
            ThreadcastError: `shutting_down`; the request may be retried.
        """
        if self.node.draining:
            raise ThreadcastError("shutting_down")

    def session(
        self, entrance: Entrance = "http"
    ) -> AbstractAsyncContextManager[RequestScopedSession]:
        """A session for this user's rows."""
        return self.node.sessions.open(self.context, entrance=entrance)

    def in_thread(self, thread_id: str) -> UserExecutionContext:
        """The context for a new run, or another change, in a stored thread."""
        return self._turned_to(replace(self.context, thread_id=thread_id, thread_origin="stored"))

    def on_run(self, run: RunRow) -> UserExecutionContext:
        """The context for a change to a run that was read for this user."""
        return self._turned_to(
            replace(
                self.context, thread_id=run.thread_id, run_id=run.run_id, thread_origin="stored"
            )
        )

    def _turned_to(self, context: UserExecutionContext) -> UserExecutionContext:
        if self.trace is not None:
            self.trace.record(TrackedOperation.THREAD_LOOKUP, context)
        return context

    async def thread_id(self) -> str:
        """The current id of the path's thread.

        A current id is not looked up: the read or write that follows finds out whether it exists.

        Raises:
            ThreadcastError: `bad_id`, `legacy_id`, or `not_found` for a legacy id that is not an
                alias.
        """
        named: str = self.request.path_params["thread_id"]
        if UnifiedIdGenerator.is_valid_id(named, "thread"):
            return named
        async with self.session() as session:
            return (await session.threads.get_by_id(named)).thread_id


OpenHandler = Callable[[Call], Awaitable[ASGIApp]]
UserHandler = Callable[[UserCall], Awaitable[ASGIApp]]

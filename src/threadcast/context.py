"""The execution context: user, thread, run and request, as one validated value.

Every layer below the gateway takes it. It is made only from validated ids, and ids that do not
belong together are refused. It may not know stores: a caller that claims that a row ties the run to
the thread (`thread_origin="stored"`) has read or is writing that row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Self, final

from .errors import InvalidContextError
from .ids import (
    UnifiedIdGenerator,
    derive_thread_id_from_run_id,
    id_problem,
    user_id_problem,
    validate_cross_component_id_compatibility,
)

__all__ = ["ThreadOrigin", "UserExecutionContext"]

ThreadOrigin = Literal["set", "begun", "stored"]
"""Why the run belongs to the thread: one set of ids, or a row in the store.

`begun`: thread and run are one set, made for a request that already had an id.
"""


@final
@dataclass(frozen=True, slots=True)
class UserExecutionContext:
    """One user's request in one run of one thread. Immutable.

    Two contexts are equal when all their ids are, wherever the thread came from.

    Attributes:
        user_id: 1..255 characters, no control characters, compared exactly.
        thread_id: an id of kind `thread`.
        run_id: an id of kind `run`.
        request_id: an id of kind `request`.
        connection_id: an id of kind `ws_conn`, or None outside a connection.
        thread_origin: `set` (default): the thread, run and request ids are one set. `begun`: the
            thread and run ids are, the request has an id of its own. `stored`: the caller vouches
            that a store row of this user ties the run to this thread, or that the run is being
            started in a thread that it has read for this user; then each id is only checked for its
            kind.

    Raises:
        InvalidContextError: something does not fit; the message names every problem.
    """

    user_id: str
    thread_id: str
    run_id: str
    request_id: str
    connection_id: str | None = field(default=None, kw_only=True)
    thread_origin: ThreadOrigin = field(default="set", kw_only=True, compare=False)

    def __post_init__(self) -> None:
        problems = [
            *_user_problems(self.user_id),
            *self._set_problems(),
            *self._connection_problems(),
        ]
        if problems:
            raise InvalidContextError("; ".join(problems))

    @classmethod
    def create(
        cls,
        user_id: str,
        operation: str,
        *,
        thread_id: str | None = None,
        connection_id: str | None = None,
        request_id: str | None = None,
    ) -> Self:
        """Begin a run: in a new thread, or in one that the store has.

        Args:
            user_id: the subject of a verified credential.
            operation: what the run is for, `[a-z][a-z0-9_]*`, 1..64 characters.
            thread_id: a thread that the caller has read for this user; None for a new one.
            connection_id: the connection that asks, if any.
            request_id: the id that the request has already; None for a fresh one.

        Raises:
            InvalidContextError: an id does not fit.
            ValueError: the operation is not usable.
        """
        _refuse_bad_user(user_id)
        fresh = UnifiedIdGenerator.generate_user_context_ids(user_id, operation)
        return cls(
            user_id,
            fresh.thread_id if thread_id is None else thread_id,
            fresh.run_id,
            fresh.request_id if request_id is None else request_id,
            connection_id=connection_id,
            thread_origin=_origin(thread_id, request_id),
        )

    @classmethod
    def for_run(
        cls,
        user_id: str,
        thread_id: str,
        run_id: str,
        *,
        connection_id: str | None = None,
        operation: str = "run",
    ) -> Self:
        """A context for a new request about a stored run.

        Args:
            user_id: the owner in the run's row.
            thread_id: the thread in the run's row.
            run_id: the run.
            connection_id: the connection that asks, if any.
            operation: what the request is for, `[a-z][a-z0-9_]*`, 1..64 characters.

        Raises:
            InvalidContextError: an id does not fit.
            ValueError: the operation is not usable.
        """
        _refuse_bad_user(user_id)
        return cls(
            user_id,
            thread_id,
            run_id,
            UnifiedIdGenerator.generate_user_context_ids(user_id, operation).request_id,
            connection_id=connection_id,
            thread_origin="stored",
        )

    @property
    def isolation_key(self) -> tuple[str, str, str]:
        """User, thread, run: a tuple, so no crafted user id can collide with another user's key."""
        return (self.user_id, self.thread_id, self.run_id)

    def _set_problems(self) -> list[str]:
        origin: object = self.thread_origin
        if type(origin) is str and origin == "set":
            _, errors = validate_cross_component_id_compatibility(
                self.thread_id, self.run_id, self.request_id
            )
            return errors
        ids = (("thread", self.thread_id), ("run", self.run_id), ("request", self.request_id))
        problems = [
            f"{kind}_id: {problem}" for kind, text in ids if (problem := id_problem(text, kind))
        ]
        if type(origin) is not str or origin not in ("begun", "stored"):
            problems.append("thread_origin: expected 'set', 'begun' or 'stored'")
        elif origin == "begun" and not problems:
            of_the_run = derive_thread_id_from_run_id(self.run_id)
            if of_the_run != self.thread_id:
                problems.append(
                    f"not of one set: thread_id and run_id, whose thread is {of_the_run!r}"
                )
        return problems

    def _connection_problems(self) -> list[str]:
        if self.connection_id is None:
            return []
        problem = id_problem(self.connection_id, "ws_conn")
        return [f"connection_id: {problem}"] if problem else []


def _origin(thread_id: str | None, request_id: str | None) -> ThreadOrigin:
    if thread_id is not None:
        return "stored"
    return "set" if request_id is None else "begun"


def _user_problems(user_id: object) -> list[str]:
    problem = user_id_problem(user_id)
    return [problem] if problem else []


def _refuse_bad_user(user_id: object) -> None:
    if problem := user_id_problem(user_id):
        raise InvalidContextError(problem)

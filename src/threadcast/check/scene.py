"""What the promises share: two users, a listener, and common runs.

Work that several promises need is done once, for the first of them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from ..client import ClientRefused, ServerUnreachable
from ..client.endpoint import endpoint_of
from ..client.link import ConnectionFailed
from ..client.token_source import TokenSource
from ..errors import ThreadcastError
from .options import CheckOptions, Target
from .person import Person
from .verdict import Broken
from .wire import Wire
from .witness import Witness

Result = TypeVar("Result")

_TIDY_MAX_S = 15.0
_CREDENTIAL = 4401


class SameUser(ThreadcastError):
    """Both credentials belong to one user, so isolation between users cannot be tested."""

    def __init__(self) -> None:
        super().__init__("bad_field", "expected tokens of two different users, got the same twice")


class Scene:
    """One check under way; `staged` makes one.

    Attributes:
        target: the deployment.
        options: the amounts of work.
        first, second: the two users.
        witness: sees everything that they receive.
        runs: the runs that should complete, with their users.
        chance: the random source.
        left_behind: threads that could not be deleted, once the scene has ended.
        gone: whether the server went away; this is final.
    """

    def __init__(
        self,
        target: Target,
        options: CheckOptions,
        first: Person,
        second: Person,
        witness: Witness,
    ) -> None:
        self.target = target
        self.options = options
        self.first = first
        self.second = second
        self.witness = witness
        self.runs: dict[str, Person] = {}
        self.chance = random.Random(options.seed)  # noqa: S311 - reproducible, no secret
        self.left_behind: tuple[str, ...] = ()
        self.gone = False
        self._once: dict[str, asyncio.Task[Any]] = {}
        self._listener: Wire | None = None

    async def once(self, name: str, play: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result or error of `play`, which is called once per name."""
        if name not in self._once:
            self._once[name] = asyncio.get_running_loop().create_task(play(), name=name)
        result: Result = await asyncio.shield(self._once[name])
        return result

    async def listen(self) -> None:
        """Listen to everything that the second user receives, to the end of the check."""
        self._listener = await self.second.wire()
        await self._listener.attach()

    async def went_away(self) -> bool:
        """Check whether the server is still there."""
        self.gone = self.gone or not await self.first.reaches()
        return self.gone

    async def absence(self) -> None:
        """Wait until the server went away, noticed by the listener."""
        if self._listener is not None:
            await self._listener.ended_at_all()
        if not await self.went_away():
            await asyncio.Event().wait()  # only the listener was cut off

    async def end(self) -> None:
        """Stop everything and delete what was created, in bounded time."""
        for task in self._once.values():
            task.cancel()
        if self._once:
            await asyncio.wait(self._once.values())
        if self._listener is not None:
            await self._listener.close()
        made = [*self.first.made, *self.second.made]
        try:
            async with asyncio.timeout(_TIDY_MAX_S):
                left = await asyncio.gather(self.first.tidy_up(), self.second.tidy_up())
            self.left_behind = (*left[0], *left[1])
        except TimeoutError:
            self.left_behind = tuple(made)


@asynccontextmanager
async def staged(target: Target, options: CheckOptions) -> AsyncIterator[Scene]:
    """Sign both users in; delete what was created for them on leaving the block.

    Raises:
        ServerUnreachable: there is no server, or it does not respond properly.
        ClientRefused: a credential is not accepted.
        SameUser: both credentials are of one user.
        UnusableUrl: the URL names no server.
    """
    endpoint, witness = endpoint_of(target.url), Witness()
    async with (
        Person(endpoint, target.tokens[0], witness) as first,
        Person(endpoint, target.tokens[1], witness) as second,
    ):
        await _sign_in(first, "the first token")
        await _sign_in(second, "the second token")
        if first.user_id == second.user_id:
            raise SameUser
        scene = Scene(target, options, first, second, witness)
        try:
            await _listen(scene)
            yield scene
        finally:
            await _to_its_end(scene.end())


async def _to_its_end(tidying: Coroutine[Any, Any, None]) -> None:
    """Finish cleaning up; a cancellation takes effect afterwards."""
    task, cancelled = asyncio.ensure_future(tidying), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


async def _listen(scene: Scene) -> None:
    try:
        await scene.listen()
    except (Broken, ConnectionFailed) as error:
        text = f"the server let a user in and then did not serve them: {error}"
        raise ServerUnreachable("unavailable", text) from None


async def _sign_in(person: Person, which: str) -> None:
    try:
        person.token = await TokenSource(person.token).get()
    except ThreadcastError as error:
        text = f"{which}: {error.message.removeprefix('token: ')}"
        raise ClientRefused(error.code, text) from None
    try:
        await person.sign_in()
    except ConnectionFailed as failed:
        drop = failed.drop
        if drop.status in (401, 403) and drop.code != "unavailable":
            raise ClientRefused("token_invalid", f"{which}: {drop.text}") from None
        raise ServerUnreachable("unavailable", drop.text) from None
    except ClientRefused as refused:
        verdict = " was not accepted" if refused.close_code == _CREDENTIAL else ""
        text = f"{which}{verdict}: {refused.message}"
        raise ClientRefused(refused.code, text, close_code=refused.close_code) from None
    except Broken as broken:
        raise ServerUnreachable("unavailable", f"the server did not greet: {broken}") from None

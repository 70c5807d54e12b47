"""The bus between nodes: hints over core NATS, at most once, stored nowhere.

It may not know connections, journals or HTTP. A failure costs latency and nothing else: hints that
cannot be sent are dropped and counted, messages are accepted only with the seal of the nodes on the
same database (see `messages`), and after each outage receivers learn that hints may have been
missed. It reconnects without end, with jitter.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from ...clock import Clock
from ...metrics import Metrics
from .. import Hint, HintsMissed, LocalBus, Receiver
from .endpoint import NatsEndpoint, Server
from .follows import Follows
from .link import Link, LinkLost
from .messages import Ignored, Messages

__all__ = ["NatsBus", "NatsEndpoint", "look"]

_ANSWER_MAX_S = 2.0
_GATHER_S = 0.02  # users followed within this time are subscribed together
_RETRY_FIRST_S, _RETRY_MAX_S = 0.1, 5.0
_SETTLED_S = 5.0  # a link that was lost sooner does not reset the backoff

log = logging.getLogger(__name__)


class NatsBus:
    """A `Bus` over NATS; see there for what it promises.

    Args:
        endpoint: the servers and their credentials.
        secret: reads the secret of the nodes on one database; called once, by `open`.
        node_id: this node's id.
        metrics: counts hints sent, received, dropped and ignored.
        clock: how long a connection held.
        message_max_bytes: larger growth of a journal is hinted without its events.
        buffer_max_bytes: the most that may wait to be sent; further hints are dropped.
        heartbeat_s: the heartbeat interval, and how long the server may take to answer, in seconds.
        executes_runs: whether this node is told of waiting runs.
        sleep: is awaited with each pause between attempts to connect, in seconds.
    """

    def __init__(
        self,
        endpoint: NatsEndpoint,
        secret: Callable[[], Awaitable[bytes]],
        node_id: str,
        metrics: Metrics,
        clock: Clock,
        *,
        message_max_bytes: int,
        buffer_max_bytes: int,
        heartbeat_s: float = 2.0,
        executes_runs: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._executes_runs = executes_runs
        self._endpoint = endpoint
        self._secret = secret
        self._node_id = node_id
        self._metrics = metrics
        self._message_max_bytes = message_max_bytes
        self._buffer_max_bytes = buffer_max_bytes
        self._heartbeat_s = heartbeat_s
        self._local = LocalBus()
        self._messages: Messages | None = None
        self._follows = Follows()
        self._link: Link | None = None
        self._heard = False
        self._round_trip_s: float | None = None
        self._wake = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # --- the seam -------------------------------------------------------------------------

    def publish(self, *hints: Hint) -> None:
        """See `Bus.publish`. This node gets them directly, and never again from the bus."""
        if self._messages is not None:
            self._send(self._messages, hints)
        self._local.publish(*hints)

    def listen(self, receiver: Receiver) -> Callable[[], None]:
        """See `Bus.listen`."""
        return self._local.listen(receiver)

    def follow(self, user_id: str) -> None:
        """See `Bus.follow`."""
        if self._messages is not None:
            self._tell(self._follows.begin(user_id, self._messages.user_subject(user_id)))
            self._wake.set()

    def unfollow(self, user_id: str) -> None:
        """See `Bus.unfollow`."""
        self._tell(self._follows.end(user_id))

    @property
    def connected(self) -> bool:
        """Whether a server answered the last heartbeat."""
        return self._heard

    @property
    def name(self) -> str | None:
        """NATS, and the version of the connected server."""
        version = None if self._link is None else self._link.facts.get("version")
        return "NATS" if version is None else f"NATS {version}"

    @property
    def round_trip_s(self) -> float | None:
        """See `Bus.round_trip_s`."""
        return self._round_trip_s if self._heard else None

    async def open(self) -> None:
        """Read the secret, and return when the first attempt to connect has succeeded or failed.

        Raises:
            ThreadcastError: `unavailable`: the secret cannot be read now.
        """
        self._messages = messages = Messages(await self._secret())
        own, waiting = messages.node_subject(self._node_id), messages.waiting_subject
        subjects = (own, waiting) if self._executes_runs else (own,)
        self._follows = Follows(*subjects, shared=(waiting,))
        self._task = asyncio.get_running_loop().create_task(self._run(), name="bus")
        await self._tried.wait()

    async def close(self) -> None:
        """Disconnect and forget every receiver; idempotent."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()  # again where nats-py has swallowed it
            await asyncio.wait([task], timeout=1)
        self._heard = False
        await self._local.close()

    # --- connecting -------------------------------------------------------------------------

    async def _run(self) -> None:
        """Keep a link up for as long as the bus is open."""
        wait_s, said = _RETRY_FIRST_S, False
        while True:
            for server in random.sample(self._endpoint.servers, len(self._endpoint.servers)):
                began_at = self._clock.monotonic()
                fault = await self._one_link(server)
                held = self._heard
                self._heard = False
                if held or not said:
                    log.warning("the bus at %s is away: %s", server.name, fault)
                if held and self._clock.monotonic() - began_at > _SETTLED_S:
                    wait_s = _RETRY_FIRST_S
                said = True
            self._tried.set()
            await self._sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads nodes
            wait_s = min(_RETRY_MAX_S, wait_s * 2)

    async def _one_link(self, server: Server) -> str:
        """Connect to one server and stay until the link is lost; returns why it was."""
        link = Link(server, self._received, self._wake.set)
        try:
            await link.open(self._endpoint, f"threadcast {self._node_id}")
            await self._stay(link)
        except LinkLost as error:
            return str(error)
        finally:
            self._link = None
            await link.end()

    async def _stay(self, link: Link) -> NoReturn:
        """Subscribe to what is followed, and send heartbeats, until the link is lost."""
        self._link = link
        for commands in self._follows.all_again():
            link.write(commands)
            await asyncio.sleep(0)
        await self._heartbeat(link)
        self._heard = True
        self._tried.set()
        self._say_connected(link)
        self._follows.take_begun()
        self._local.publish(HintsMissed(self._follows.users))
        while True:
            await self._pause()
            begun = self._follows.take_begun()
            await self._heartbeat(link)
            if begun:
                self._local.publish(HintsMissed(begun))

    async def _heartbeat(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        await link.answered(self._heartbeat_s)
        self._round_trip_s = loop.time() - began_at

    async def _pause(self) -> None:
        """Wait for the next heartbeat, or until there is work before it."""
        try:
            async with asyncio.timeout(self._heartbeat_s):
                await self._wake.wait()
            await asyncio.sleep(_GATHER_S)
        except TimeoutError:
            pass
        self._wake.clear()

    def _say_connected(self, link: Link) -> None:
        log.info("the bus at %s is connected", link.server.name)
        if not link.facts.get("auth_required"):
            log.warning("the bus at %s asks nobody to sign in", link.server.name)

    # --- sending and receiving --------------------------------------------------------------

    def _tell(self, commands: bytes) -> None:
        if commands and self._link is not None:
            self._link.write(commands)

    def _send(self, messages: Messages, hints: Sequence[Hint]) -> None:
        """Send the hints for other nodes in one write: each write costs a system call."""
        link = self._link
        commands: list[bytes] = []
        room_bytes = self._buffer_max_bytes - (0 if link is None else link.unsent_bytes)
        for hint in hints:
            subject = messages.subject_of(hint)
            if subject is None:
                continue
            if link is None:
                self._metrics.bus_dropped.labels("disconnected").inc()
            elif room_bytes < 0:
                self._metrics.bus_dropped.labels("full").inc()
            elif command := self._command(link, subject, messages, hint):
                commands.append(command)
                room_bytes -= len(command)
        if link is not None and commands:
            link.write(b"".join(commands))
            self._metrics.bus_published.inc(len(commands))

    def _command(self, link: Link, subject: str, messages: Messages, hint: Hint) -> bytes:
        """The protocol bytes that publish a hint; empty for one that the server would not take."""
        most_bytes = min(self._message_max_bytes, link.max_payload)
        message = messages.encode(subject, hint, max_bytes=most_bytes)
        if len(message) > link.max_payload:  # the server would end the connection
            self._metrics.bus_dropped.labels("too_large").inc()
            return b""
        return b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(message), message)

    def _received(self, number: int, message: bytes) -> None:
        subject = self._follows.subject_of(number)
        if subject is None or self._messages is None:
            return  # it was under way when its user was unfollowed
        hint = self._messages.decode(subject, message)
        if isinstance(hint, Ignored):
            self._metrics.bus_ignored.labels(hint.value).inc()
        else:
            self._metrics.bus_received.inc()
            self._local.tell(hint)


async def look(endpoint: NatsEndpoint) -> tuple[dict[str, str], list[str]]:
    """The state of the bus for operators: facts by name, one line for each problem."""
    loop = asyncio.get_running_loop()
    facts: dict[str, str] = {}
    problems: list[str] = []
    for server in endpoint.servers:
        link = Link(server, _nothing, _nothing)
        try:
            await link.open(endpoint, "threadcast doctor")
            started = loop.time()
            await link.answered(_ANSWER_MAX_S)
            facts |= _facts_of(link, round_trip_s=loop.time() - started)
            if not link.facts.get("auth_required"):
                problems.append(f"the bus at {server.name} asks nobody to sign in")
        except LinkLost as error:
            facts[f"bus {server.name}"] = "not reached"
            problems.append(f"cannot use the bus at {server.name}: {error}")
        finally:
            await link.end()
    return facts, problems


def _nothing(*_: object) -> None:
    """Stands in for a receiver."""


def _facts_of(link: Link, *, round_trip_s: float) -> dict[str, str]:
    said = link.facts
    encrypted = "with TLS" if said.get("tls_required") else "without TLS"
    version = f"NATS {said.get('version', '')}, {encrypted}, {round_trip_s * 1000:.2f} ms"
    return {f"bus {link.server.name}": version}

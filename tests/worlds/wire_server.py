"""A small real WebSocket server that follows a script: journal, cuts, closes.

It is independent of the server in `src`, so that the client is tested against the protocol.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from patience import WAIT_S

LINES = "threadcast.v1.lines"
THREAD = "thread_chat_1763629200001_7_90c65fe4"
RUN = "run_chat_1763629200001_7_90c65fe4"
FEED = "feed_1763629200000_1_0c5e21aa"
OTHER_FEED = "feed_1763629200000_2_0c5e21ab"
USER = "u-17"

Envelope = dict[str, Any]


@dataclass
class Plan:
    """What becomes of one connection.

    Attributes:
        status: refuse the handshake with this HTTP status and these headers.
        code: the error code in that answer; without one it is not a Threadcast server's.
        cut_after_frames: cut the TCP connection instead of sending the frame after so many.
        cut_bytes: of the frame that is not sent whole, so many bytes are sent first.
        repeat: after an attach, offer so many events again that the client has.
        merge: join neighbouring deltas on catch-up.
        per_frame: so many events in one frame, where the framing allows it.
        close: after the frames, close with this code and reason; `closing` is said before.
        at_command: `drop` cuts on reading a command other than attach; `lose` carries it out and
            cuts before the answer; `unknown` carries it out and answers `unknown_outcome`.
        expires_at: said in `connection_ready`.
    """

    status: int | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after_frames: int | None = None
    cut_bytes: int = 0
    repeat: int = 0
    merge: bool = False
    per_frame: int = 1
    close: tuple[int, str] | None = None
    closing: dict[str, Any] | None = None
    at_command: str = ""
    expires_at: float | None = None


class Cut(Exception):
    """The script says that the connection ends here."""


class WireServer:
    """One user's journal and a script of plans, one per connection; then all goes well."""

    def __init__(self, plans: list[Plan] | None = None) -> None:
        self.plans = list(plans or [])
        self.journal: list[Envelope] = []
        self.feed = FEED
        self.user_id = USER
        self.trimmed = 0
        self.commands: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.subprotocols: list[str | None] = []
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.on_command: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _command: None
        self.on_message: Callable[[str], None] = lambda _run_id: None
        self.connections: set[_Wire] = set()
        self._changed = asyncio.Event()
        self._messages: dict[str, dict[str, Any]] = {}
        self._server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"http://127.0.0.1:{port}"

    @property
    def head(self) -> int:
        return self.journal[-1]["seq"] if self.journal else 0

    def append(self, event_type: str, run_id: str | None = RUN, **data: Any) -> Envelope:
        """Commit one event; live connections get it at once."""
        seq = self.head + 1
        event: Envelope = {
            "event_type": event_type,
            "timestamp": round(1763629200 + seq / 8, 6),
            "user_id": self.user_id,
            "thread_id": THREAD,
            "seq": seq,
            "data": data,
        }
        if run_id is not None:
            event["run_id"] = run_id
        self.journal.append(event)
        for wire in list(self.connections):
            wire.wake.set()
        self.note()
        return event

    def attaches(self) -> list[dict[str, Any]]:
        return [command for command in self.commands if command["command"] == "attach"]

    def cut_all(self) -> None:
        """Cut every connection now."""
        for wire in list(self.connections):
            wire.socket.transport.abort()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until a command, an event or a connection has made `reached()` true."""
        async with asyncio.timeout(WAIT_S):
            while not reached():
                self._changed.clear()
                await self._changed.wait()

    def note(self) -> None:
        """Have `until` ask once more."""
        self._changed.set()

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[WireServer]:
        """Listen on a free loopback port."""
        async with serve(
            self._serve,
            "127.0.0.1",
            port,
            subprotocols=[Subprotocol(LINES), Subprotocol("threadcast.v1")],
            process_request=self._answer_http,
            compression=None,
            ping_interval=None,
            close_timeout=1,
        ) as self._server:
            try:
                yield self
            finally:
                self.cut_all()

    def _answer_http(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path != "/v1/ws":
            body = self.snapshots.get(path)
            problem = {"code": "not_found", "detail": "There is no such thing."}
            status = HTTPStatus.OK if body else HTTPStatus.NOT_FOUND
            return connection.respond(status, json.dumps(body or problem))
        authorization = request.headers.get("Authorization")
        self.tokens.append(authorization and authorization.removeprefix("Bearer "))
        self.note()
        plan = self.plans[0] if self.plans else Plan()
        if plan.status is None:
            return None
        self.plans.pop(0)
        body = {} if plan.code is None else {"code": plan.code, "detail": "It is refused."}
        response = connection.respond(HTTPStatus(plan.status), json.dumps(body))
        response.headers.update(plan.headers)
        return response

    async def _serve(self, socket: ServerConnection) -> None:
        self.subprotocols.append(socket.subprotocol)
        plan = self.plans.pop(0) if self.plans else Plan()
        wire = _Wire(self, socket, plan)
        self.connections.add(wire)
        try:
            await wire.run()
        except ConnectionClosed:
            pass
        except Cut:
            socket.transport.abort()
        finally:
            self.connections.discard(wire)
            self.note()

    def carry_out(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what a command asks and return the data of its answer."""
        scripted = self.on_command(command)
        if scripted is not None:
            return scripted
        match command["command"]:
            case "send_message":
                return self._message(command)
            case "create_thread":
                return {"thread_id": THREAD, "seq": self.append("thread_created", None)["seq"]}
            case "cancel_run":
                if self.journal and self.journal[-1]["event_type"] != "agent_cancelled":
                    self.append("agent_cancelled", command["run_id"], reason="cancelled by user")
                return {"run_id": command["run_id"], "status": "cancelled"}
            case "respond":
                data = {"input_id": command["input_id"], "value": command["value"]}
                event = self.append("input_received", command["run_id"], **data)
                return {"run_id": command["run_id"], "seq": event["seq"]}
            case "authenticate":
                self.tokens.append(command["token"])
                return {"user_id": self.user_id, "expires_at": 4_000_000_000.0}
        return {"timestamp": 1763629200.5}

    def _message(self, command: dict[str, Any]) -> dict[str, Any]:
        name = command["client_message_id"]
        if name in self._messages:
            return self._messages[name] | {"duplicate": True}
        run_id = f"run_chat_1763629200001_{len(self._messages)}_90c65fe4"
        content = command["content"]
        event = self.append(
            "message_created", run_id, role="user", content=content, client_message_id=name
        )
        answer = {"thread_id": THREAD, "run_id": run_id, "seq": event["seq"], "duplicate": False}
        self._messages[name] = answer
        self.on_message(run_id)
        return answer


class _Wire:
    """One connection: what it has been sent, and its script."""

    def __init__(self, server: WireServer, socket: ServerConnection, plan: Plan) -> None:
        self.server = server
        self.socket = socket
        self.plan = plan
        self.wake = asyncio.Event()
        self._position: int | None = None
        self._thread_id: str | None = None
        self._live = False
        self._frames = 0
        self._lines = socket.subprotocol == LINES

    async def run(self) -> None:
        server = self.server
        limits = {"message_max_bytes": 262_144}
        ready = {"connection_id": "ws_conn_1763629200001_7_90c65fe4", "feed": server.feed}
        ready |= {"head": server.head, "heartbeat_s": 20, "limits": limits}  # type: ignore[dict-item]
        if self.plan.expires_at is not None:
            ready |= {"expires_at": self.plan.expires_at}  # type: ignore[dict-item]
        await self.say("connection_ready", ready)
        hearing = asyncio.create_task(self._hear_all())
        try:
            while True:
                self.wake.clear()
                await self._deliver()
                await self._close_if_planned()
                waking = asyncio.create_task(self.wake.wait())
                await asyncio.wait([hearing, waking], return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
                if hearing.done():
                    hearing.result()
                    return
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])
            if not hearing.cancelled():
                hearing.exception()

    async def say(self, event_type: str, data: dict[str, Any]) -> None:
        event = {"event_type": event_type, "timestamp": 1763629200.0}
        await self._send([event | {"user_id": self.server.user_id, "data": data}])

    async def _hear_all(self) -> None:
        async for text in self.socket:
            command = json.loads(text)
            self.server.commands.append(command)
            if command["command"] == "attach":
                await self._attach(command)
            else:
                await self._answer(command)
            self.server.note()

    async def _answer(self, command: dict[str, Any]) -> None:
        how, self.plan.at_command = self.plan.at_command, ""
        if how == "drop":
            raise Cut
        data = {"id": command["id"], "command": command["command"]}
        data |= self.server.carry_out(command)
        if how == "lose":
            raise Cut
        if how == "unknown":
            data = {"id": command["id"], "code": "unknown_outcome", "message": "Unknown."}
            data |= {"retryable": True}
        await self.say("command_rejected" if "code" in data else "command_accepted", data)

    async def _attach(self, command: dict[str, Any]) -> None:
        self._position = None
        after, reason = self._judge(command)
        await self.say("command_accepted", {"id": command["id"], "command": "attach"})
        data = {"after": after, "head": self.server.head, "reset": reason is not None}
        await self.say("attached", data | ({"reason": reason} if reason else {}))
        self._thread_id = command.get("thread_id")
        self._live = False
        self._position = max(after - self.plan.repeat, 0)
        self.wake.set()

    def _judge(self, command: dict[str, Any]) -> tuple[int, str | None]:
        server = self.server
        after = command.get("after", server.head)
        if command.get("feed", server.feed) != server.feed:
            return server.head, "new_feed"
        if after > server.head:
            return server.head, "cursor_ahead"
        if after < server.trimmed:
            return server.trimmed, "trimmed"
        if after and command.get("at") not in (None, server.journal[after - 1]["timestamp"]):
            return server.head, "diverged"
        return after, None

    async def _deliver(self) -> None:
        while self._position is not None and self._position < self.server.head:
            start = self._position
            events = self.server.journal[start : start + 50]
            self._position = start + len(events)
            wanted = [e for e in events if self._thread_id in (None, e.get("thread_id"))]
            if self.plan.merge and not self._live:
                # never across what the client already has: that is only repeated as it was
                wanted = merged(wanted)
            size = self.plan.per_frame if self._lines else 1
            for index in range(0, len(wanted), size):
                await self._send(wanted[index : index + size])
        if self._position is not None and not self._live:
            self._live = True
            await self.say("caught_up", {"seq": self._position})

    async def _close_if_planned(self) -> None:
        if self.plan.close is not None and self._live:
            if self.plan.closing is not None:
                await self.say("connection_closing", self.plan.closing)
            await self.socket.close(*self.plan.close)

    async def _send(self, events: list[Envelope]) -> None:
        text = "\n".join(json.dumps(event, separators=(",", ":")) for event in events)
        if self._frames == self.plan.cut_after_frames:
            frame = text_frame(text)
            self.socket.transport.write(frame[: min(self.plan.cut_bytes, len(frame) - 1)])
            raise Cut
        self._frames += 1
        await self.socket.send(text)


def merged(events: list[Envelope]) -> list[Envelope]:
    """Neighbouring deltas of one run as one, with `first_seq`."""
    out: list[Envelope] = []
    for event in events:
        last = out[-1] if out else None
        both = last is not None and last["event_type"] == event["event_type"] == "agent_delta"
        if last is None or not both or last["run_id"] != event["run_id"]:
            out.append(event)
            continue
        first_seq = last.get("first_seq", last["seq"])
        text = last["data"]["text"] + event["data"]["text"]
        out[-1] = event | {"first_seq": first_seq, "data": {"text": text}}
    return out


def seqs_of(events: list[Any]) -> Iterator[int]:
    """Every seq that these events stand for."""
    for event in events:
        yield from range(event.first_seq or event.seq, event.seq + 1)


def text_frame(text: str) -> bytes:
    """An unmasked text frame."""
    payload = text.encode()
    if len(payload) < 126:
        return bytes([0x81, len(payload)]) + payload
    return bytes([0x81, 126]) + len(payload).to_bytes(2, "big") + payload

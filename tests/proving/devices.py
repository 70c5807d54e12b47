"""A user's device that does everything a person can do: send, cancel, answer, come and go.

It speaks the protocol over a plain WebSocket. A random generator decides what it does, and received
events decide when, so that the load adapts to the cluster.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

from websockets.asyncio.client import ClientConnection

from history_client import History, HistoryClient
from server_process import SECRET
from threadcast.auth.dev_tokens import mint
from threadcast.events import TERMINAL_EVENTS
from threadcast.ids import UnifiedIdGenerator
from threadcast.testing.history import Cancelled, Responded

HOUR_S = 3_600.0
OPEN_RUNS_MAX = 5  # of one user, seen by one device, before it waits with the next message
IN_FLIGHT_MAX = 2
_PAUSE_S = 0.1
_OPEN_MAX_S = 3.0
_CANCELS, _LEAVES, _QUESTIONS, _FRAGILE, _OLD_THREAD = 0.1, 0.01, 0.15, 0.1, 0.4
_LATEST_MAX = 50  # questions that are asked in the seconds that a failover loses


def credential(user_id: str) -> str:
    """A token that is valid even by clocks that are an hour wrong."""
    return mint(SECRET, user_id, now=time.time() - 2 * HOUR_S, lifetime_s=4 * HOUR_S)


class Messages:
    """Generates random messages; retries of one have the same fields.

    Args:
        name: of the sender.
        dice: decide.
    """

    def __init__(self, name: str, dice: random.Random) -> None:
        self._name = name
        self._dice = dice
        self._fields: dict[str, dict[str, Any]] = {}
        self.threads: list[str] = []

    def new(self) -> str:
        """The `client_message_id` of a new message."""
        key = f"{self._name}-{len(self._fields) + 1}"
        self._fields[key] = self._think()
        return key

    def fields(self, key: str) -> dict[str, Any]:
        """The fields of a message."""
        return self._fields[key]

    def _think(self) -> dict[str, Any]:
        dice = self._dice
        pieces = dice.choice((3, 10, 10, 40))
        fields: dict[str, Any] = {"content": f"{pieces} {dice.choice((1, 5, 20))}"}
        fields["agent"] = "fragile" if dice.random() < _FRAGILE else "stream"
        if dice.random() < _QUESTIONS:
            fields = {"content": f"{pieces}", "agent": "question"}
        if self.threads and dice.random() < _OLD_THREAD:
            fields["thread_id"] = dice.choice(self.threads)
            fields["on_busy"] = dice.choice(("queue", "queue", "interrupt", "reject"))
        return fields


class Device(HistoryClient):
    """See the module.

    Args:
        history: where it writes.
        user: whose it is.
        reader: its name.
        dice: its own.
        sends: whether it does more than to read.
    """

    def __init__(
        self, history: History, user: str, reader: str, dice: random.Random, *, sends: bool
    ) -> None:
        super().__init__(
            *(history, user, reader),
            in_flight_max=IN_FLIGHT_MAX if sends else 0,
            leaves_when_refused=True,
            pause_s=_PAUSE_S,
            open_max_s=_OPEN_MAX_S,
            credential=credential,
        )
        self.eager = sends
        self._dice = dice
        self._messages = Messages(reader, dice)
        self._questions: dict[str, str] = {}  # the open ones: by input id, whose they are
        self._latest: dict[str, str] = {}  # the same of the latest ones, open or not
        self._said: dict[str, tuple[str, Responded]] = {}  # by command id: not answered yet
        self._cancels: dict[str, str] = {}

    def next_key(self) -> str | None:
        """A message to retry, else a new one unless too many are pending."""
        key = super().next_key()
        if key is None and self.eager and len(self.open_runs) < OPEN_RUNS_MAX:
            key = self._messages.new()
        return key

    def message(self, key: str) -> dict[str, Any]:
        """The fields of a message."""
        return self._messages.fields(key)

    @property
    def settled(self) -> bool:
        """Whether none of its commands is unanswered."""
        return not (self._said or self._cancels or self.unsettled)

    async def visit(self, port: int) -> None:
        """One connection; unanswered commands at its end have an unknown outcome."""
        try:
            await super().visit(port)
        finally:
            for _, said in self._said.values():
                self.history.add(said)
            self._said.clear()
            self._cancels.clear()
            self.history.look_again()

    async def act(self, socket: ClientConnection, event: dict[str, Any]) -> None:
        """Answer, cancel, send the next message or disconnect."""
        kind, data = event["event_type"], event["data"]
        if kind == "attached" and data["reset"]:
            self._questions = dict(self._latest)  # their answers may be lost
        elif kind == "input_requested":
            self._questions[data["input_id"]] = self._latest[data["input_id"]] = event["run_id"]
            if len(self._latest) > _LATEST_MAX:
                del self._latest[next(iter(self._latest))]
        elif kind == "input_received":
            self._questions.pop(data["input_id"], None)
        elif kind in TERMINAL_EVENTS:
            self._forget_questions(event["run_id"])
        elif kind in ("command_accepted", "command_rejected"):
            await self._take_answer(socket, data)
        if self.reads_only:
            return
        if kind in ("caught_up", "input_requested"):
            await self._answer_questions(socket)
        elif kind == "agent_started" and self._dice.random() < _CANCELS:
            await self._cancel(socket, event["run_id"])
        elif kind in TERMINAL_EVENTS:
            await self._go_on(socket)

    async def _go_on(self, socket: ClientConnection) -> None:
        if self._dice.random() < _LEAVES:
            await socket.close()
        else:
            await self.send_next(socket)

    def _forget_questions(self, run_id: str) -> None:
        gone = [one for one, whose in self._questions.items() if whose == run_id]
        for input_id in gone:
            del self._questions[input_id]

    async def _answer_questions(self, socket: ClientConnection) -> None:
        for input_id, run_id in tuple(self._questions.items()):
            command_id = UnifiedIdGenerator.generate_base_id("command")
            said = Responded(self.user, run_id, command_id, "unknown")
            self._said[command_id] = input_id, said
            await self._say(
                *(socket, command_id, "respond"),
                run_id=run_id,
                input_id=input_id,
                value=command_id,
            )

    async def _cancel(self, socket: ClientConnection, run_id: str) -> None:
        command_id = UnifiedIdGenerator.generate_base_id("command")
        self._cancels[command_id] = run_id
        await self._say(socket, command_id, "cancel_run", run_id=run_id)

    async def _say(
        self, socket: ClientConnection, command_id: str, command: str, **fields: Any
    ) -> None:
        await socket.send(json.dumps({"command": command, "id": command_id, **fields}))

    async def _take_answer(self, socket: ClientConnection, data: dict[str, Any]) -> None:
        command_id = data["id"]
        if "thread_id" in data:
            self._messages.threads = [*self._messages.threads[-3:], data["thread_id"]]
        if (run_id := self._cancels.pop(command_id, None)) is not None and "status" in data:
            self.history.add(Cancelled(self.user, run_id, data["status"]))
        if command_id not in self._said:
            return
        input_id, said = self._said.pop(command_id)
        if "seq" in data:
            said = Responded(said.user, said.run_id, said.value, "ok", data["seq"])
        elif data["code"] != "unknown_outcome":
            said = Responded(said.user, said.run_id, said.value, "rejected")
            if not data["retryable"]:
                self._questions.pop(input_id, None)
        self.history.add(said)
        if data.get("retryable"):
            await socket.close()  # it answers again on the next connection

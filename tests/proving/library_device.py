"""A user's device that is a program: it uses `threadcast.client`, which repeats and resumes itself.

What it is given is judged as one reading, whatever connections were under it.
"""

from __future__ import annotations

import asyncio
import random

from history_client import History
from proving.devices import OPEN_RUNS_MAX, Messages, credential
from threadcast.client import Client, CommandRejected, Reset, connect
from threadcast.errors import OutcomeUnknown
from threadcast.events import TERMINAL_EVENTS, Event
from threadcast.testing.history import Attach, Invoke, Ok, Receive, Rejected, Unknown

_COMMAND_MAX_S = 20.0
_RETRY_FIRST_S, _RETRY_MAX_S = 0.05, 1.0


class LibraryDevice:
    """See the module.

    Args:
        history: where it writes.
        user: whose it is.
        reader: its name.
        dice: its own.

    Attributes:
        position, accepted_seq, open_runs: as of `HistoryClient`.
        eager: whether it sends further messages.
    """

    def __init__(self, history: History, user: str, reader: str, dice: random.Random) -> None:
        self.user = user
        self.reader = reader
        self.position = 0
        self.accepted_seq = 0
        self.open_runs: set[str] = set()
        self.eager = True
        self.unsettled = 0
        self._history = history
        self._messages = Messages(reader, dice)
        self._turn = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Whether no message of it is unanswered."""
        return not self.unsettled

    async def run(self, url: str) -> None:
        """Read and send until cancelled."""
        client = connect(
            url,
            lambda: credential(self.user),
            after=0,
            first_attempts=None,
            retry_first_s=_RETRY_FIRST_S,
            retry_max_s=_RETRY_MAX_S,
            command_max_s=_COMMAND_MAX_S,
        )
        async with client, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(client))
            tasks.create_task(self._send(client))

    async def _read(self, client: Client) -> None:
        self._history.add(Attach(self.user, self.reader, 0, 0))
        async for item in client:
            if isinstance(item, Reset):
                self.open_runs.clear()
                self.accepted_seq = min(self.accepted_seq, item.after)
                wanted, self.position = self.position, item.after
                attach = Attach(self.user, self.reader, wanted, item.after, reset=True)
                self._history.add(attach)
            elif item.seq is not None:
                self._take(item, item.seq)
            self._turn.set()

    def _take(self, event: Event, seq: int) -> None:
        self.position = seq
        if event.run_id is not None and event.event_type == "message_created":
            self.open_runs.add(event.run_id)
        elif event.run_id is not None and event.event_type in TERMINAL_EVENTS:
            self.open_runs.discard(event.run_id)
        self._history.add(
            Receive(
                *(self.user, self.reader, event.user_id, seq, event.event_type, event.data),
                run_id=event.run_id,
                first_seq=event.first_seq,
            )
        )

    async def _send(self, client: Client) -> None:
        while True:
            await self._turn.wait()
            self._turn.clear()
            if self.eager and len(self.open_runs) < OPEN_RUNS_MAX:
                self.unsettled = 1
                await self._send_until_settled(client, self._messages.new())
                self.unsettled = 0
                self._turn.set()

    async def _send_until_settled(self, client: Client, key: str) -> None:
        while True:
            self._history.add(Invoke(self.user, key))
            try:
                sent = await client.send_message(
                    client_message_id=key, **self._messages.fields(key)
                )
            except OutcomeUnknown:
                self._history.add(Unknown(self.user, key))
            except CommandRejected as rejected:
                self._history.add(Rejected(self.user, key, rejected.server_code))
                if not rejected.retryable:
                    return
            else:
                self._messages.threads = [*self._messages.threads[-3:], sent.thread_id]
                self.accepted_seq = max(self.accepted_seq, sent.seq)
                self._history.add(Ok(self.user, key, sent.seq, sent.run_id))
                return

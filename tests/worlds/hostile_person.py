"""A user at every entrance that records every received byte, and can attack others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from patience import WAIT_S
from server_process import token
from threadcast.ids import UnifiedIdGenerator

Answer = dict[str, Any]


class Person:
    """A user with a canary in all of their data; created by `person`.

    Attributes:
        user_id: contains the canary, too.
        canary: a text that no other user may ever receive.
        heard: every byte received over any transport.
        events: every envelope received over the WebSocket.
        thread_id, run_id, waiting_run_id, input_id, connection_id, feed: ids that others may guess.
    """

    def __init__(
        self, port: int, user_id: str, socket: ClientConnection, http: httpx2.AsyncClient
    ) -> None:
        self.user_id = user_id
        self.canary = user_id
        self.heard: list[bytes] = []
        self.events: list[dict[str, Any]] = []
        self.thread_id = self.run_id = self.waiting_run_id = ""
        self.input_id = self.connection_id = self.feed = ""
        self._port = port
        self._socket = socket
        self._http = http
        self._came = asyncio.Event()

    async def listen(self) -> None:
        """Record what arrives until the socket closes."""
        async for message in self._socket:
            text = str(message)
            self.heard.append(text.encode())
            self.events += [json.loads(line) for line in text.split("\n")]
            self._came.set()

    async def until(self, event_type: str, *, since: int = 0, **data: Any) -> dict[str, Any]:
        """The first event of this type with this data, from `events[since]` on."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for event in self.events[since:]:
                    if event["event_type"] == event_type and data.items() <= event["data"].items():
                        return event
                self._came.clear()
                await self._came.wait()

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """Send a command; its answer's envelope."""
        command_id = UnifiedIdGenerator.generate_base_id("command")
        await self._socket.send(json.dumps({"command": command, "id": command_id, **fields}))
        async with asyncio.timeout(WAIT_S):
            while True:
                for event in self.events:
                    if event["data"].get("id") == command_id:
                        return event
                self._came.clear()
                await self._came.wait()

    async def http(self, method: str, path: str, body: Any = None) -> Answer:
        """Send an HTTP request; its status and document."""
        response = await self._http.request(method, f"/v1{path}", json=body)
        self.heard.append(response.content)
        return {"status": response.status_code, "body": response.json() if response.text else None}

    async def metrics(self) -> str:
        """The server's metrics."""
        return (await self._http.get("/metrics")).text

    async def stream(self, query: str = "", last_event_id: str = "") -> Answer:
        """Open an event stream; its status, and its text until `caught_up`."""
        headers = {"last-event-id": last_event_id} if last_event_id else {}
        text = b""
        async with (
            asyncio.timeout(WAIT_S),
            self._http.stream("GET", f"/v1/events{query}", headers=headers) as response,
        ):
            async for chunk in response.aiter_bytes():
                text += chunk
                if b"event: caught_up" in text:
                    break
        self.heard.append(text)
        return {"status": response.status_code, "body": text.decode()}

    async def settle_in(self) -> Self:
        """Create a thread with an answered and a waiting run, all with the canary."""
        ready = await self.until("connection_ready")
        self.connection_id, self.feed = ready["data"]["connection_id"], ready["data"]["feed"]
        await self.ask("attach", after=0)
        made = await self.ask("create_thread", title=self.canary, metadata={"mark": self.canary})
        self.thread_id = made["data"]["thread_id"]
        self.run_id = (await self.say("quick"))["run_id"]
        await self.until("agent_completed")
        self.waiting_run_id = (await self.say("asking"))["run_id"]
        self.input_id = (await self.until("input_requested"))["data"]["input_id"]
        return self

    async def say(self, agent: str) -> dict[str, Any]:
        """Send a message to one's own thread; the acceptance."""
        answer = await self.ask(
            "send_message",
            thread_id=self.thread_id,
            content=self.canary,
            client_message_id=f"{self.canary}-{agent}",
            agent=agent,
        )
        assert answer["event_type"] == "command_accepted", answer
        return dict(answer["data"])

    async def attack(self, thread_id: str, run_id: str, input_id: str) -> list[Answer]:
        """Try every operation on a thread and a run over every transport; the answers."""
        thread, run = f"/threads/{thread_id}", f"/runs/{run_id}"
        message = {"content": "mine now", "client_message_id": "attack"}
        answer = {"input_id": input_id, "value": "mine now"}
        return [
            _rejection(await self.ask("attach", after=0, thread_id=thread_id)),
            _rejection(await self.ask("send_message", thread_id=thread_id, **message)),
            _rejection(await self.ask("cancel_run", run_id=run_id)),
            _rejection(await self.ask("respond", run_id=run_id, **answer)),
            await self.http("GET", thread),
            await self.http("PATCH", thread, {"title": "mine now"}),
            await self.http("DELETE", thread),
            await self.http("GET", f"{thread}/messages"),
            await self.http("GET", f"{thread}/events?after=0"),
            await self.http("POST", f"{thread}/messages", message),
            await self.http("GET", run),
            await self.http("POST", f"{run}/cancel"),
            await self.http("POST", f"{run}/respond", answer),
            await self.stream(f"?after=0&thread_id={thread_id}"),
        ]

    async def swap_cursors(self, other: Person) -> None:
        """Present another user's cursor and connection id."""
        for after in (0, 1, 5, 10_000):
            since = len(self.events)
            await self.ask("attach", after=after, feed=other.feed)
            attached = await self.until("attached", since=since)
            assert attached["data"]["reason"] == "new_feed"
            streamed = await self.stream(last_event_id=f"{other.feed}:{after}")
            assert '"reason":"new_feed"' in streamed["body"]
        closed = await self.http("DELETE", f"/connections/{other.connection_id}")
        assert closed["status"] == 404
        await self.ask("attach", after=0)


def _rejection(answer: dict[str, Any]) -> Answer:
    data = {key: value for key, value in answer["data"].items() if key != "id"}
    return {"status": answer["event_type"], "body": data}


@asynccontextmanager
async def person(port: int, user_id: str) -> AsyncIterator[Person]:
    """A connected user."""
    credential = f"Bearer {token(user_id)}"
    async with (
        httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": credential},
            timeout=WAIT_S,
            trust_env=False,
        ) as http,
        connect(
            f"ws://127.0.0.1:{port}/v1/ws",
            additional_headers={"Authorization": credential},
            subprotocols=[Subprotocol("threadcast.v1.lines")],
            compression=None,
            open_timeout=WAIT_S,
            proxy=None,
        ) as socket,
    ):
        made = Person(port, user_id, socket, http)
        listening = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            await socket.close()
            await listening

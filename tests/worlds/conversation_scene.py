"""A conversation written through ingestion, so that a test decides what is shown when."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import httpx2

from external_scene import Service
from threadcast.auth.dev_tokens import mint
from threadcast.ids import UnifiedIdGenerator

SECRET = "the secret of the tests of conversations"
EVENTS_PER_REQUEST = 1_000

Step = tuple[str, dict[str, Any]]


class Writer:
    """Writes one thread of a user over `POST /v1/ingest`.

    Attributes:
        thread_id: of the thread, which is there from the first event on.
    """

    def __init__(self, url: str, user_id: str) -> None:
        self._ingest = f"{url}v1/ingest"
        self._service = Service(user_id)
        self._begun = False
        self.thread_id = self._service.thread_id

    async def say(self, content: str, *steps: Step) -> None:
        """A message, the start of its answer, and these events of it."""
        await self.runs([(content, steps)])

    async def runs(self, runs: Iterable[tuple[str, Iterable[Step]]]) -> None:
        """Many messages with the events of their answers."""
        shapes = [] if self._begun else [self._service.shape("thread_created")]
        self._begun = True
        for content, steps in runs:
            fresh = UnifiedIdGenerator.generate_user_context_ids(self._service.user_id, "theirs")
            self._service.run_id = fresh.run_id
            shapes.append(self._shape("message_created", {"content": content}))
            shapes.append(self._shape("agent_started", {"agent": "theirs", "attempt": 1}))
            shapes += [self._shape(name, data) for name, data in steps]
        await self._send(shapes)

    async def add(self, *steps: Step) -> None:
        """More events of the last answer."""
        await self._send([self._shape(name, data) for name, data in steps])

    def _shape(self, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
        return self._service.shape(event_type, data=data, timestamp=time.time())

    async def _send(self, shapes: list[dict[str, Any]]) -> None:
        token = mint(SECRET, "writer", now=time.time(), lifetime_s=60.0, scopes=["ingest"])
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60.0) as client:
            for first in range(0, len(shapes), EVENTS_PER_REQUEST):
                some = shapes[first : first + EVENTS_PER_REQUEST]
                answer = await client.post(self._ingest, json=some)
                assert answer.status_code == 200, answer.text
                assert answer.json()["refused"] == 0, answer.text[:2_000]


def delta(text: str) -> Step:
    return "agent_delta", {"text": text}


def thought(text: str) -> Step:
    return "agent_thinking", {"text": text}


def completed(content: str, **more: Any) -> Step:
    return "agent_completed", {"content": content, "duration_ms": 2_300, **more}


def tool(call: str, **arguments: Any) -> Step:
    return "tool_executing", {"tool_call_id": call, "tool": "clock", "arguments": arguments}


def tool_ended(call: str, result: Any, *, is_error: bool = False) -> Step:
    ended = {"result": result, "is_error": is_error, "duration_ms": 128}
    return "tool_completed", {"tool_call_id": call, "tool": "clock", **ended}

"""A real HTTP server on loopback that plays an OpenAI-compatible chat completions endpoint.

It answers `POST /v1/chat/completions` from a script, one `Answer` per request, over real sockets
with Server-Sent Events in chunked encoding, and records requests. Answers can stream, break off
mid-stream, refuse with a status, send garbage, or stall until the client disconnects.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

End = Literal["done", "break", "hold", "silent"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request.

    Attributes:
        lines: the data of each event, sent one write at a time.
        end: `done` ends normally; `break` closes the socket mid-stream; `hold` keeps it open until
            the client closes it; `silent` ends normally but without `[DONE]`.
        status: of the response; other than 200, `body` is sent instead of events.
        headers: more response headers.
        body: of a refusal.
    """

    lines: Sequence[str] = ()
    end: End = "done"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = '{"error": {"message": "no", "code": null}}'


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its headers, in lower case, and its JSON."""

    headers: Mapping[str, str]
    json: Mapping[str, Any]


class OpenAIServer:
    """The server; use `openai_server`.

    Attributes:
        requests: all requests in order.
        client_left: set when the client closed a held connection.
    """

    def __init__(self, script: Sequence[Answer]) -> None:
        self.requests: list[Request] = []
        self.client_left = asyncio.Event()
        self.base_url = ""
        self._script = list(script)
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self._open[writer] = asyncio.current_task()
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                answer = self._script.pop(0) if self._script else Answer(status=500)
                if not await self._answer(answer, reader, writer):
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        del self._open[writer]

    async def _answer(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if answer.status != 200:
            writer.write(_refusal(answer))
            await writer.drain()
            return True
        writer.write(_STREAM_HEAD)
        for line in answer.lines:
            writer.write(_http_chunk(f"data: {line}\n\n"))
            await writer.drain()
        if answer.end == "hold":
            await reader.read(1)  # returns when the client closes
            self.client_left.set()
            return False
        if answer.end == "break":
            return False
        writer.write(
            (_http_chunk("data: [DONE]\n\n") if answer.end == "done" else b"") + b"0\r\n\r\n"
        )
        await writer.drain()
        return True

    async def close_connections(self) -> None:
        """Close connections that clients left open, and wait until they are closed."""
        tasks = [task for task in self._open.values() if task is not None]
        for writer in self._open:
            writer.close()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def openai_server(*script: Answer) -> AsyncIterator[OpenAIServer]:
    """Serve the script on a free port of 127.0.0.1; more requests than answers get a 500."""
    played = OpenAIServer(script)
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    played.base_url = f"http://{host}:{port}/v1"
    async with server:
        yield played
        await played.close_connections()


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


def _refusal(answer: Answer) -> bytes:
    body = answer.body.encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (headers | dict(answer.headers)).items()]
    return "\r\n".join([f"HTTP/1.1 {answer.status} No", *lines, "", ""]).encode() + body


def _http_chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    if first.split()[:2] != ["POST", "/v1/chat/completions"]:
        return None
    return Request(headers, json.loads(body))


# --- what a model streams ----------------------------------------------------------------------


def delta(**fields: Any) -> str:
    """One chunk whose delta has these fields."""
    return _chunk([{"index": 0, "delta": fields, "finish_reason": None}])


def finish(reason: str = "stop") -> str:
    """The chunk that ends a reply."""
    return _chunk([{"index": 0, "delta": {}, "finish_reason": reason}])


def usage(prompt: int, completion: int) -> str:
    """The chunk with the usage."""
    counts = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    return _chunk([], usage=counts)


def call(index: int, *, call_id: str = "", name: str = "", arguments: str = "") -> str:
    """A fragment of a tool call."""
    fragment: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
    if call_id:
        fragment |= {"id": call_id, "type": "function"}
    if name:
        fragment["function"]["name"] = name
    return delta(tool_calls=[fragment])


def texts(*pieces: str) -> list[str]:
    """Chunks of text and a normal end."""
    return [*(delta(content=piece) for piece in pieces), finish()]


def _chunk(choices: list[dict[str, Any]], **more: Any) -> str:
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_763_640_000,
            "model": "test-model",
            "choices": choices,
            **more,
        }
    )

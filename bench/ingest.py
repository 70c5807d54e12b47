"""The cost of ingestion: 10,000 events in one request, and one request per event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from threadcast.ids import UnifiedIdGenerator

from .server import Server

_PIECE_BYTES = 65_536
_CONNECTIONS = 8


@dataclass(frozen=True)
class Ingested:
    """The results.

    Attributes:
        together_per_s, single_per_s: events per second, in one request and in one request each.
        peak_growth_mib: the server's peak resident set minus its idle one.
    """

    together_per_s: float
    single_per_s: float
    peak_growth_mib: float


async def ingest(server: Server, *, events: int, single: int) -> Ingested:
    """Send `events` events in one request, then `single` more in one request each."""
    token = server.token("service", scopes=["ingest"])
    await _request(server, token, _story("warm", 500))
    resting = server.resident_bytes()
    _begin_peak(server.pid)
    lines = _story("together", events)
    started = time.perf_counter()
    await _request(server, token, lines)
    together_s = time.perf_counter() - started
    peak = _peak_bytes(server.pid)
    one_by_one = [
        _story(f"single-{number}", single // _CONNECTIONS) for number in range(_CONNECTIONS)
    ]
    started = time.perf_counter()
    await asyncio.gather(*(_singly(server, token, story) for story in one_by_one))
    single_s = time.perf_counter() - started
    return Ingested(
        events / together_s,
        sum(map(len, one_by_one)) / single_s,
        (peak - resting) / 1_048_576,
    )


def _story(user: str, count: int) -> list[bytes]:
    """A thread and a streaming run, as lines."""
    ids = UnifiedIdGenerator.generate_user_context_ids(user, "bench")
    place = {"user_id": user, "thread_id": ids.thread_id, "timestamp": 1_763_629_200.5}
    run = {**place, "run_id": ids.run_id}
    shapes: list[dict[str, object]] = [
        {**place, "event_type": "thread_created", "data": {}},
        {**run, "event_type": "agent_started", "data": {"agent": "bench"}},
    ]
    delta = {**run, "event_type": "agent_delta", "data": {"text": "a few words of an answer "}}
    shapes += [delta] * (count - len(shapes))
    named = [{**shape, "client_message_id": f"{user}-{at}"} for at, shape in enumerate(shapes)]
    return [msgspec.json.encode(shape) + b"\n" for shape in named]


def _head(server: Server, token: str, framing: str) -> bytes:
    return (
        f"POST /v1/ingest HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n"
        f"authorization: Bearer {token}\r\ncontent-type: application/x-ndjson\r\n{framing}\r\n\r\n"
    ).encode()


async def _request(server: Server, token: str, lines: Sequence[bytes]) -> None:
    """One request with a chunked body; its answer is checked."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = b"".join(lines)
    writer.write(_head(server, token, "transfer-encoding: chunked"))
    for start in range(0, len(body), _PIECE_BYTES):
        piece = body[start : start + _PIECE_BYTES]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await _stored(reader, len(lines))
    writer.close()
    await writer.wait_closed()


async def _singly(server: Server, token: str, lines: Sequence[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for line in lines:
        writer.write(_head(server, token, f"content-length: {len(line)}") + line)
        await _stored(reader, 1)
    writer.close()
    await writer.wait_closed()


async def _stored(reader: asyncio.StreamReader, expected: int) -> None:
    """Read an answer and check the number of stored events."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    answer = msgspec.json.decode(await reader.readexactly(length))
    if answer.get("stored") != expected:
        raise RuntimeError(f"expected {expected} stored events, got {str(answer)[:200]}")


def _begin_peak(pid: int) -> None:
    """Reset the peak resident set to the current one."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1_024

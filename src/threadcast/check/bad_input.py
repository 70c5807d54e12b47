"""A sample of malformed input: each piece has one right answer, and affects nothing else.

No answer may be an internal error, and none may reveal the server's internals.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..ids import UnifiedIdGenerator
from .person import Person
from .raw import BINARY, TEXT, RawClient, client_frame, http_request, upgrade_request
from .scene import Scene
from .verdict import Broken, Finding
from .wire import ANSWERS, Wire

_CLOSED = 0
_INSIDE = ("Traceback", 'File "', "site-packages")
_JSON = ("Content-Type", "application/json")
_CLOSES = frozenset({1006})  # a proxy in between may end the connection
_PER_WIRE = 8  # a server ends a connection with too many bad messages; 20 a minute by default


@dataclass(frozen=True, slots=True)
class Request:
    """A malformed request and its right statuses; 0 is a closed connection."""

    what: str
    method: str
    path: str
    right: tuple[int, ...]
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


def crooked_requests(token: str) -> list[Request]:
    """The malformed HTTP requests."""
    who = ("Authorization", f"Bearer {token}")
    two_lengths = [who, _JSON, ("Content-Length", "5"), ("Transfer-Encoding", "chunked")]

    def post(what: str, body: bytes, right: int, kind: tuple[str, str] = _JSON) -> Request:
        headers = [who, kind, ("Content-Length", str(len(body)))]
        return Request(what, "POST", "/v1/threads", (right,), headers, body)

    return [
        Request("two lengths", "POST", "/v1/threads", (400, _CLOSED), two_lengths, b"0\r\n\r\n"),
        Request(
            "a Host with a path", "GET", "/v1/threads", (400, 421), [("Host", "a/../b?c="), who]
        ),
        Request("a wrong method", "PUT", "/v1/threads", (405,), [who]),
        Request("an unknown path", "GET", "/v1/nothing-is-here", (404,), [who]),
        Request("a NUL in the path", "GET", "/v1/threads/%00", (400, 404), [who]),
        Request("a query key twice", "GET", "/v1/threads?limit=1&limit=2", (400,), [who]),
        Request("a page size of 0", "GET", "/v1/threads?limit=0", (400,), [who]),
        Request("a crooked id", "GET", "/v1/threads/thread_x", (400, 404), [who]),
        post("a body that is no JSON", b"{'a': 1}", 400),
        post("a body that is a list", b"[]", 400),
        post("JSON as text/plain", b"{}", 415, ("Content-Type", "text/plain")),
    ]


def crooked_frames() -> list[tuple[str, bytes, int]]:
    """The malformed frames: description, bytes, close code."""
    return [
        ("an unmasked frame", client_frame(TEXT, b"{}", masked=False), 1002),
        ("a reserved bit", client_frame(TEXT, b"{}", reserved=4), 1002),
        ("an unknown opcode", client_frame(3, b"{}"), 1002),
        ("a frame of 2^62 bytes", client_frame(TEXT, b"", announced=1 << 62), 1009),
        ("text that is no UTF-8", client_frame(TEXT, b"\xff\xfe"), 1007),
        ("a binary frame", client_frame(BINARY, b"{}"), 1003),
    ]


def crooked_messages(thread_id: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """The malformed messages: description, text, right error codes."""
    run_id = UnifiedIdGenerator.generate_user_context_ids("nobody", "chat").run_id

    def command(name: object, **fields: Any) -> str:
        return json.dumps({"command": name, "id": "x", **fields})

    return [
        ("an empty frame", "", ("bad_json",)),
        ("half an object", "{", ("bad_json",)),
        ("NaN", '{"command": "ping", "id": NaN}', ("bad_json",)),
        ("a list", "[]", ("bad_message",)),
        ("a deep list", "[" * 1_000 + "]" * 1_000, ("too_deep",)),
        ("an unknown command", command("drop_tables"), ("unknown_command",)),
        ("a command that is a number", command(5), ("unknown_command",)),
        ("a cursor of -1", command("attach", after=-1), ("bad_cursor",)),
        ("a cursor of 1.5", command("attach", after=1.5), ("bad_cursor",)),
        ("a run's id for a thread", command("attach", thread_id=run_id), ("bad_id",)),
        ("an empty text", _message(thread_id, ""), ("empty",)),
        ("a lone surrogate", _message(thread_id, "\ud800"), ("bad_string",)),
        ("a number for a text", _message(thread_id, 5), ("bad_field",)),
    ]


def _message(thread_id: str, content: object) -> str:
    named = {"command": "send_message", "id": "x", "client_message_id": "x"}
    return json.dumps({**named, "thread_id": thread_id, "content": content})


async def judge_bad_input(scene: Scene) -> Finding:
    """Whether every piece of the sample gets its right answer, and the server goes on."""
    person = scene.first
    thread_id = await person.make_thread()
    faults: list[str] = []
    requests = crooked_requests(person.token)
    for request in requests:
        faults += await _try_request(person, request)
    frames = crooked_frames()
    for what, data, code in frames:
        faults += await _try_frame(person, what, data, code)
    faults += await _try_old_version(person)
    messages = crooked_messages(thread_id)
    for start in range(0, len(messages), _PER_WIRE):
        faults += await _try_messages(person, messages[start : start + _PER_WIRE])
    faults += await _still_there(person)
    count = len(requests) + len(frames) + 1 + len(messages)
    return Finding.judged(f"{count} pieces, each with its answer", faults)


async def _try_request(person: Person, request: Request) -> list[str]:
    data = http_request(
        person.endpoint, request.method, request.path, headers=request.headers, body=request.body
    )
    async with await RawClient.open(person.endpoint) as raw:
        try:
            answer = await raw.exchange(data)
        except Broken as broken:
            return [f"{request.what}: {broken}"]
    right = " or ".join(map(str, request.right))
    if answer.status not in request.right:
        return [f"{request.what}: expected HTTP {right}, got {answer.status or 'a close'}"]
    return _shown(request.what, answer.text)


async def _try_old_version(person: Person) -> list[str]:
    old = upgrade_request(
        person.endpoint, token=person.token, headers=[("Sec-WebSocket-Version", "8")]
    )
    async with await RawClient.open(person.endpoint) as raw:
        status = (await raw.exchange(old)).status
    return [] if status in (400, 426) else [f"an old WebSocket: expected HTTP 426, got {status}"]


async def _try_frame(person: Person, what: str, data: bytes, right: int) -> list[str]:
    async with await RawClient.open(person.endpoint) as raw:
        try:
            answer = await raw.exchange(upgrade_request(person.endpoint, token=person.token))
            if answer.status != 101:
                return [f"{what}: no connection (HTTP {answer.status})"]
            await raw.send(data)
            code = await raw.close_code()
        except Broken as broken:
            return [f"{what}: {broken}"]
    if code == right or code in _CLOSES:
        return []
    return [f"{what}: expected close code {right}, got {code}"]


async def _try_messages(
    person: Person, messages: Sequence[tuple[str, str, tuple[str, ...]]]
) -> list[str]:
    """Send messages on one connection, which must go on after each."""
    faults = []
    wire = await person.wire()
    try:
        for what, text, right in messages:
            answer = await _rejection(wire, text)
            code = answer.get("code")
            if code not in right:
                faults.append(f"{what}: expected {' or '.join(right)}, got {code}")
            faults += _shown(what, str(answer))
        if (await wire.ask("ping")).event_type != "command_accepted":
            faults.append("after bad messages a good one was refused")
    except Broken as broken:
        faults.append(f"{what}: {broken}")
    finally:
        await wire.close()
    return faults


async def _rejection(wire: Wire, text: str) -> dict[str, Any]:
    since = len(wire.events)
    await wire.send_text(text)
    answer = await wire.until(
        lambda event: event.event_type in ANSWERS, "answer to a bad message", since=since
    )
    return answer.data


async def _still_there(person: Person) -> list[str]:
    answer = await person.ask("GET", "/v1/threads?limit=1")
    return [] if answer.status == 200 else [f"afterwards, a good request got HTTP {answer.status}"]


def _shown(what: str, text: str) -> list[str]:
    return [f"{what}: the answer shows the server's inside" for word in _INSIDE if word in text]

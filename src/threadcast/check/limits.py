"""Limits: excess is refused with the right error, and harms nobody.

Each limit is exceeded only once, slightly, and only if it is low.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress

from ..client import ClientRefused
from ..client.link import ConnectionFailed
from .person import Person
from .raw import RawClient, http_request
from .scene import Scene
from .verdict import Broken, Finding
from .wire import ANSWERS, Wire

CONTENT_MAX_CHARACTERS = 65_536
_CONNECTIONS_MAX = 64
_BURST_MAX = 200
_BEYOND = 10
_MESSAGE_MAX_BYTES = 1_048_576
_HUGE_BODY_BYTES = 1 << 40
_TOO_MANY = 4429
_WAIT_S = 5.0
_SPARE = 5  # connects that may fail for other reasons


async def judge_limits(scene: Scene) -> Finding:
    """Exceed each limit once."""
    person, faults, kept = scene.first, [], []
    tries = {
        "text of a message": _long_text,
        "size of a message": _large_message,
        "size of a body": _large_body,
        "commands at once": _many_commands,
        "connections": _many_connections,
    }
    for what, attempt in tries.items():
        try:
            said = await attempt(person)
        except (Broken, ConnectionFailed, ClientRefused) as error:
            faults.append(f"{what}: {error}")
        else:
            kept.append(f"{what} ({said})" if said else what)
    return Finding.judged(", ".join(kept), faults)


async def _long_text(person: Person) -> str:
    wire = await person.wire()
    try:
        thread_id = await person.make_thread()
        answer = await wire.ask(
            "send_message",
            content="x" * (CONTENT_MAX_CHARACTERS + 1),
            thread_id=thread_id,
            client_message_id=f"{person.mark}-long",
        )
        if answer.data.get("code") != "too_long":
            said = answer.data.get("code", "an acceptance")
            raise Broken(
                f"expected too_long for {CONTENT_MAX_CHARACTERS + 1} characters, got {said}"
            )
        if (await wire.ask("ping")).event_type != "command_accepted":
            raise Broken("the connection did not go on after it")
    finally:
        await wire.close()
    return ""


async def _large_message(person: Person) -> str:
    limit = person.limits.get("message_max_bytes")
    if not isinstance(limit, int) or limit > _MESSAGE_MAX_BYTES:
        return f"not tried: {limit} bytes are allowed"
    wire = await person.wire()
    try:
        if await _is_read(wire, "x" * (limit + 1)):
            raise Broken(f"{limit + 1} bytes were read, and only {limit} are allowed")
        code = await wire.ending(max_s=_WAIT_S)
    finally:
        await wire.close()
    if code not in (1009, None, 1006):
        raise Broken(f"expected close code 1009 for {limit + 1} bytes, got {code}")
    return ""


async def _is_read(wire: Wire, text: str) -> bool:
    """Whether the server answers a message, rather than ending the connection or staying silent."""
    try:
        await wire.send_text(text)
        await wire.until(lambda event: event.event_type in ANSWERS, "answer", max_s=_WAIT_S)
    except Broken:
        return False
    return True


async def _large_body(person: Person) -> str:
    """Announce an endless body; it must be refused before it is sent."""
    headers = [
        ("Authorization", f"Bearer {person.token}"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(_HUGE_BODY_BYTES)),
    ]
    async with await RawClient.open(person.endpoint) as raw:
        answer = await raw.exchange(
            http_request(person.endpoint, "POST", "/v1/threads", headers=headers)
        )
    if not (answer.status == 0 or 400 <= answer.status < 500):
        raise Broken(f"expected 413 for a body of {_HUGE_BODY_BYTES} bytes, got {answer.status}")
    return ""


async def _many_commands(person: Person) -> str:
    burst = person.limits.get("commands_burst")
    if not isinstance(burst, int) or burst > _BURST_MAX:
        return f"not tried: {burst} are allowed"
    wire = await person.wire()
    try:
        asked = [await wire.say("ping") for _ in range(burst + _BEYOND)]
        answers = [await wire.answer(command_id) for command_id in asked]
    finally:
        await wire.close()
    refused = [one.data for one in answers if one.event_type == "command_rejected"]
    if any(data.get("code") != "rate_limited" for data in refused):
        raise Broken(f"expected rate_limited, got {refused[0].get('code')}")
    if refused and not all(data.get("retry_after_ms") for data in refused):
        raise Broken("rate_limited does not say when to come again")
    return "" if refused else f"{len(asked)} came too slowly to be too many"


async def _many_connections(person: Person) -> str:
    limit = person.limits.get("max_connections")
    if not isinstance(limit, int) or limit > _CONNECTIONS_MAX:
        return f"not tried: {limit} are allowed"
    async with AsyncExitStack() as stack:
        wires: list[Wire] = []
        for _ in range(limit + 1 + _SPARE):
            try:
                wire = await person.wire(attempts=1)
            except ClientRefused as refused:
                if refused.close_code != _TOO_MANY:
                    raise Broken(f"expected 4429, got {refused.close_code}") from None
                return ""
            except ConnectionFailed as failed:
                if failed.drop.status == 429:
                    return ""
                continue  # connecting is another promise
            wires.append(wire)
            stack.push_async_callback(wire.close)
            if len(wires) > limit:
                break
        with suppress(Broken):
            if await wires[0].ending(max_s=_WAIT_S) == _TOO_MANY:
                return "the oldest made room"
        raise Broken(f"{len(wires)} connections were open, {limit} are allowed")

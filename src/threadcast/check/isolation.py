"""Isolation: a user can do nothing with the other's ids, at any entrance.

Nor learn anything: the answer must be the same as for ids that never existed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..ids import UnifiedIdGenerator
from .options import CheckOptions
from .person import Answer, Person
from .scene import Scene
from .verdict import Broken, Finding
from .wire import Wire

# Anchored at word starts: answers may be long, and must be scanned in linear time.
_ID = re.compile(r"(?<![a-z_])[a-z_]+_\d{13}_\d+_[0-9a-f]{4,32}")
_RENAMED = "threadcast check was here"


@dataclass(frozen=True, slots=True)
class Names:
    """A set of ids to try: one's own, another user's, or nobody's."""

    thread_id: str
    run_id: str
    input_id: str
    connection_id: str
    feed: str


def names_of_nobody() -> Names:
    """Well-formed ids that never existed."""
    ids, make = UnifiedIdGenerator.generate_user_context_ids("nobody", "chat"), _make
    return Names(ids.thread_id, ids.run_id, make("input"), make("ws_conn"), make("feed"))


def _make(prefix: str) -> str:
    return UnifiedIdGenerator.generate_base_id(prefix)


async def judge_isolation(scene: Scene) -> Finding:
    """Try the other's ids and nobody's, as each user, at every entrance, and compare."""
    people = (scene.first, scene.second)
    held = [await _Held.of(person, scene.options) for person in people]
    faults: list[str] = []
    tried = 0
    try:
        for owner, attacker in ((held[0], held[1]), (held[1], held[0])):
            nothing = await attacker.try_all(names_of_nobody())
            theirs = await attacker.try_all(owner.names)
            tried += len(theirs)
            faults += difference_faults(nothing, theirs)
            faults += await attacker.lists_of(owner.names)
            faults += await owner.harm()
    finally:
        for one in held:
            await one.wire.close()
    return Finding.judged(f"{tried} entrances, each like an id of nobody's", faults)


def difference_faults(
    nothing: Mapping[str, tuple[object, ...]], theirs: Mapping[str, tuple[object, ...]]
) -> list[str]:
    """Where another user's id gets another answer than one that never existed. Pure."""
    return [
        f"{entrance}: another's id gets {_brief(theirs[entrance])}, nobody's {_brief(answer)}"
        for entrance, answer in nothing.items()
        if theirs[entrance] != answer
    ]


def _brief(answer: Sequence[object]) -> str:
    text = " ".join(str(part) for part in answer)
    return text if len(text) <= 120 else f"{text[:119]}…"


@dataclass(frozen=True, slots=True)
class _Held:
    """A user with a connection, and the ids that another user could try to reach."""

    person: Person
    wire: Wire
    names: Names

    @classmethod
    async def of(cls, person: Person, options: CheckOptions) -> _Held:
        thread_id = await person.make_thread()
        wire = await person.wire()
        try:
            sent = await wire.ask(
                "send_message",
                content=options.message,
                thread_id=thread_id,
                client_message_id=f"{person.mark}-held",
                **({} if options.agent is None else {"agent": options.agent}),
            )
            if sent.event_type != "command_accepted":
                raise Broken(f"a message was refused: {sent.data.get('code')}")
            attached, _ = await wire.attach()
        except BaseException:
            await wire.close()
            raise
        feed = attached.data.get("feed") or wire.ready.get("feed")
        run_id, connection_id = sent.data.get("run_id"), wire.ready.get("connection_id")
        names = Names(thread_id, str(run_id), _make("input"), str(connection_id), str(feed))
        return cls(person, wire, names)

    async def try_all(self, names: Names) -> dict[str, tuple[object, ...]]:
        """The answers of every entrance to these ids, without parts that always differ."""
        found: dict[str, tuple[object, ...]] = {}
        for method, path, body in _requests(names):
            route = f"{method} {_ID.sub('{id}', path)}"
            found[route] = face_of_answer(await self.person.ask(method, path, body))
        for command, fields in _commands(names):
            answer = await self.wire.ask(command, **fields)
            data = {key: value for key, value in answer.data.items() if key != "id"}
            found[f"command {command}"] = (answer.event_type, _anonymous(str(data)))
        found |= await self._try_feed(names.feed)
        return found

    async def _try_feed(self, feed: str) -> dict[str, tuple[object, ...]]:
        """Another user's cursor is judged by one's own journal, like any other number."""
        attached, _ = await self.wire.attach(after=0, feed=feed)
        said = (attached.data.get("reset"), attached.data.get("reason"))
        last = {"Last-Event-ID": f"{feed}:0"}
        streamed = await self.person.ask("GET", "/v1/events", headers=last)
        resets = '"reason":"new_feed"' in streamed.body.replace('": "', '":"')
        return {"attach with a feed": said, "GET /v1/events with a feed": (streamed.status, resets)}

    async def lists_of(self, names: Names) -> list[str]:
        """Where another user's ids appear in this user's lists."""
        faults = []
        for path in ("/v1/threads", "/v1/connections"):
            listed = (await self.person.ask("GET", path)).body
            if names.thread_id in listed or names.connection_id in listed:
                faults.append(f"GET {path} lists what is another's")
        return faults

    async def harm(self) -> list[str]:
        """What the other user managed to do to this one's thread."""
        faults = []
        thread = await self.person.ask("GET", f"/v1/threads/{self.names.thread_id}")
        if thread.status != 200:
            faults.append(f"the owner's thread is gone (HTTP {thread.status})")
        if _RENAMED in thread.body:
            faults.append("the owner's thread was renamed")
        path = f"/v1/threads/{self.names.thread_id}/messages"
        if _RENAMED in (await self.person.ask("GET", path)).body:
            faults.append("a message was put into the owner's thread")
        if self.wire.ended:
            faults.append("the owner's connection was closed")
        return faults


def _requests(names: Names) -> list[tuple[str, str, Any]]:
    thread, run = f"/v1/threads/{names.thread_id}", f"/v1/runs/{names.run_id}"
    message = {"content": _RENAMED, "client_message_id": _RENAMED}
    answer = {"input_id": names.input_id, "value": _RENAMED}
    return [
        ("GET", thread, None),
        ("PATCH", thread, {"title": _RENAMED}),
        ("GET", f"{thread}/messages", None),
        ("POST", f"{thread}/messages", message),
        ("GET", f"{thread}/events?after=0", None),
        ("GET", run, None),
        ("POST", f"{run}/cancel", None),
        ("POST", f"{run}/respond", answer),
        ("GET", f"/v1/events?after=0&thread_id={names.thread_id}", None),
        ("DELETE", f"/v1/connections/{names.connection_id}", None),
        ("DELETE", thread, None),
    ]


def _commands(names: Names) -> list[tuple[str, dict[str, Any]]]:
    message = {"content": _RENAMED, "client_message_id": f"{_RENAMED} too"}
    answer = {"input_id": names.input_id, "value": _RENAMED}
    return [
        ("attach", {"after": 0, "thread_id": names.thread_id}),
        ("send_message", {"thread_id": names.thread_id, **message}),
        ("cancel_run", {"run_id": names.run_id}),
        ("respond", {"run_id": names.run_id, **answer}),
    ]


def face_of_answer(answer: Answer) -> tuple[object, ...]:
    return answer.status, answer.content_type, _anonymous(answer.body)


def _anonymous(text: str) -> str:
    return _ID.sub("{id}", text)

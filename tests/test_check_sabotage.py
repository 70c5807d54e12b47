"""Each promise of `threadcast check` is broken on purpose, and the check reports exactly that
one."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import ASGIApp

from saboteur import (
    SECRET,
    Envelope,
    Link,
    SabotagedServer,
    Saboteur,
    claims_in,
    is_signed,
    signed,
)
from threadcast.agent import Agent, Run
from threadcast.agents.demo import demo_agent
from threadcast.check import (
    PROMISES,
    CheckOptions,
    Outcome,
    Promise,
    Report,
    Target,
    promises_named,
    run_check,
)
from threadcast.testing import E2EAuthHelper

PACE_S = 0.001
OPTIONS = CheckOptions(
    connections=2,
    connects=100,
    cursors=8,
    leeway_s=0.0,
    lifetime_s=0.5,
    time_factor=4.0,  # the machine may be busy
    run_max_s=20.0,
)
LATE_S = 1.0  # more than 200 ms by that factor
GENEROUS = {"requests_burst": 10_000, "unauthenticated_per_address": 1_000}
_THREAD = re.compile(r"/v1/threads/[^/]+")


class RefusesOneConnectOfFifty(Saboteur):
    """connect"""

    opened = 0

    async def admit(self) -> int | None:
        self.opened += 1
        return 503 if self.opened % 50 == 0 else None


class OpensSlowly(Saboteur):
    """connect-latency"""

    opened = 0

    async def admit(self) -> int | None:
        self.opened += 1
        if 10 < self.opened <= 20:
            await asyncio.sleep(LATE_S)
        return None


class LosesTheResultOfTheFirstTool(Saboteur):
    """golden-path"""

    lost: int | None = None

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        for event in events:
            if event["event_type"] == "tool_completed" and self.lost is None:
                self.lost = event["seq"]
        return [event for event in events if event.get("seq") != self.lost or self.lost is None]


class ForgetsAnswers(Saboteur):
    """history"""

    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if method == "GET" and path.endswith("/messages") and status == 200:
            rows = document["messages"]
            document["messages"] = [row for row in rows if row["role"] == "user"]
        return status, document


class StoresEveryRepetition(Saboteur):
    """retry"""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._seen: set[str] = set()

    async def command(self, link: Link, command: Envelope) -> Envelope | None:
        name = command.get("client_message_id")
        if isinstance(name, str) and name in self._seen:
            command["client_message_id"] = f"{name} {len(self._seen)}"
        self._seen.add(str(command.get("client_message_id")))
        return command


def _some(event: Envelope) -> bool:
    return event["event_type"] == "agent_delta" and bool(event["seq"] % 25 == 0)


class DropsEvents(Saboteur):
    """order"""

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        return [event for event in events if not (link.live and _some(event))] or events[:1]


class DoublesEvents(Saboteur):
    """order"""

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        return [one for event in events for one in [event] * (1 + (link.live and _some(event)))]


class SwapsEvents(Saboteur):
    """order"""

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        changed = []
        for event in events:
            if link.live and _some(event):
                link.held.append(event)
                continue
            changed.append(event)
            if "seq" in event:
                changed += link.held
                link.held = []
        if not changed:  # a frame holds an event at least
            changed, link.held = link.held, []
        return changed


class LeavesOutTheSecondDevice(Saboteur):
    """second-device"""

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        live = [one for one in self.links if one.live and one.user_id == link.user_id]
        if live.index(link) == 0 if link in live else True:
            return events
        return [event for event in events if not _some(event)] or events[:1]


class ResumesOneTooFar(Saboteur):
    """resume"""

    head = 0

    async def command(self, link: Link, command: Envelope) -> Envelope | None:
        after = command.get("after")
        if command["command"] == "attach" and type(after) is int and 0 < after < self.head:
            link.held = [command]
            return {**command, "after": after + 1, "at": None}
        return command

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        for event in events:
            self.head = max(self.head, event.get("seq", 0))
            if event["event_type"] == "attached" and link.held and not event["data"]["reset"]:
                event["data"]["after"] = link.held.pop()["after"]
        return events


class ReadsSlowly(Saboteur):
    """session"""

    reads = 0

    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if method == "GET" and _THREAD.fullmatch(path) and status == 200:
            self.reads += 1
            if self.reads == 1:
                await asyncio.sleep(2.1)
        return status, document


class TellsThatAnIdExists(Saboteur):
    """isolation"""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._known: set[str] = set()

    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if status == 201:
            self._known.add(f"/v1/threads/{document['thread_id']}")
        if status == 404 and path in self._known and method == "PATCH":
            return 403, {**document, "status": 403, "code": "forbidden"}
        return status, document


class ListsTheConnectionsOfAll(Saboteur):
    """isolation"""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._known: list[str] = []

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        if "connection_id" in events[0]["data"]:
            self._known.append(events[0]["data"]["connection_id"])
        return events

    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if path == "/v1/connections" and status == 200:
            document["connections"] = [{"connection_id": one} for one in self._known]
        return status, document


class TellsAnotherUser(Saboteur):
    """foreign"""

    told = False

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        for other in self.links:
            strange = other.live and other.user_id != link.user_id
            if strange and not self.told and events[0]["event_type"] == "agent_delta":
                self.told = True
                await other.say(events[0])
        return events


class TellsAnotherUserUnderTheirName(Saboteur):
    """foreign"""

    told = False

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        for other in self.links:
            strange = other.live and other.user_id != link.user_id
            if strange and not self.told and events[0]["event_type"] == "message_created":
                self.told = True
                await other.say({**events[0], "user_id": other.user_id})
        return events


class IgnoresCancels(Saboteur):
    """cancel"""

    async def command(self, link: Link, command: Envelope) -> Envelope | None:
        if command["command"] != "cancel_run" or link.user_id != "alice":
            return command
        data = {"id": command["id"], "command": "cancel_run", "run_id": command["run_id"]}
        said = {"event_type": "command_accepted", "timestamp": time.time(), "user_id": "alice"}
        await link.say({**said, "data": {**data, "status": "running"}})
        return None


class TakesAlteredTokens(Saboteur):
    """credentials"""

    def token(self, token: str) -> str:
        claims = claims_in(token)
        if claims.get("sub") != "alice":  # another's name in it would be a foreign delivery, too
            return token
        return token if is_signed(token) else signed(claims)


class TakesExpiredTokens(Saboteur):
    """expiry"""

    def token(self, token: str) -> str:
        claims = claims_in(token)
        if is_signed(token) and claims["exp"] < time.time():
            return signed({**claims, "exp": time.time() + 60})
        return token


class ForgetsWhenTokensEnd(Saboteur):
    """expiry"""

    def token(self, token: str) -> str:
        claims = claims_in(token)
        if is_signed(token) and 0 < claims["exp"] - time.time() < 5:
            return signed({**claims, "exp": claims["exp"] + 0.9 + 5})
        return token

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        data = events[0]["data"]
        ends = data.get("expires_at")
        if ends is not None and ends - time.time() < 10:
            data["expires_at"] = ends - 0.9 - 5
        return events


class CutsWhatIsTooLong(Saboteur):
    """limits"""

    async def command(self, link: Link, command: Envelope) -> Envelope | None:
        if isinstance(command.get("content"), str):
            command["content"] = command["content"][:65_000]
        return command


class CrashesOnBadJson(Saboteur):
    """bad-input"""

    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if document.get("code") == "bad_json":
            return 500, {"error": "Traceback (most recent call last)"}
        return status, document


class SwallowsBadMessages(Saboteur):
    """bad-input"""

    async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
        for event in events:
            if event["data"].get("code") == "bad_cursor":
                event["data"]["code"] = "internal"
        return events


FAULTS = [
    RefusesOneConnectOfFifty,
    OpensSlowly,
    LosesTheResultOfTheFirstTool,
    ForgetsAnswers,
    StoresEveryRepetition,
    DropsEvents,
    DoublesEvents,
    SwapsEvents,
    LeavesOutTheSecondDevice,
    ResumesOneTooFar,
    ReadsSlowly,
    TellsThatAnIdExists,
    ListsTheConnectionsOfAll,
    TellsAnotherUser,
    TellsAnotherUserUnderTheirName,
    IgnoresCancels,
    TakesAlteredTokens,
    TakesExpiredTokens,
    ForgetsWhenTokensEnd,
    CutsWhatIsTooLong,
    CrashesOnBadJson,
    SwallowsBadMessages,
]


def check(
    server: SabotagedServer,
    promises: Sequence[Promise] = PROMISES,
    options: CheckOptions = OPTIONS,
) -> Report:
    """A whole check of this server, or of some promises."""
    auth = E2EAuthHelper(secret=SECRET)
    target = Target(server.url, (auth.token("alice"), auth.token("bob")), auth)
    return asyncio.run(run_check(target, options, promises))


def outcomes(report: Report) -> dict[str, tuple[str, ...]]:
    """All that did not pass, and why."""
    return {
        verdict.name: verdict.finding.faults
        for verdict in report.verdicts
        if verdict.outcome is not Outcome.PASS
    }


@pytest.mark.parametrize("prefix", ["", "/chat"])
def test_an_honest_server_keeps_every_promise(prefix: str) -> None:
    with SabotagedServer(Saboteur, [demo_agent(PACE_S)], prefix=prefix) as server:
        report = check(server)
    assert outcomes(report) == {}
    assert [verdict.name for verdict in report.verdicts] == [one.name for one in PROMISES]
    assert report.holds
    assert report.left_behind == ()
    assert report.users == ("alice", "bob")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_broken_promise_is_told_and_no_other(fault: Callable[[ASGIApp], ASGIApp]) -> None:
    with SabotagedServer(fault, [demo_agent(PACE_S)], **GENEROUS) as server:
        report = check(server)
    broken = {verdict.name: verdict.finding.faults for verdict in report.having(Outcome.FAIL)}
    assert list(broken) == [fault.__doc__], outcomes(report)
    assert all(broken.values())
    assert not report.holds


def test_a_run_that_fails_is_told() -> None:
    demo, begun = demo_agent(PACE_S), []

    async def third_time_unlucky(run: Run) -> None:
        begun.append(run.message)
        if len(begun) == 3:
            raise RuntimeError("no luck")
        answering = demo.function(run)
        assert isinstance(answering, Awaitable)
        await answering

    with SabotagedServer(Saboteur, [Agent("demo", third_time_unlucky)]) as server:
        report = check(server)
    assert list(outcomes(report)) == ["runs"]


def test_a_server_that_lets_the_oldest_connection_go_keeps_its_limit() -> None:
    policy = {"connection_limit_policy": "evict_oldest", "max_connections_per_user": 6}
    with SabotagedServer(Saboteur, [demo_agent(PACE_S)], **policy) as server:
        report = check(server, promises_named(["limits", "foreign"]))
    assert outcomes(report) == {}
    assert "connections (the oldest made room)" in report.verdicts[0].finding.measured


def test_what_a_silent_agent_leaves_open_is_told_where_it_belongs() -> None:
    async def silent(run: Run) -> str:
        return str(await run.ask("Are you there?"))

    options = replace(OPTIONS, run_max_s=1.0)
    names = ["golden-path", "history", "runs", "foreign"]
    with SabotagedServer(Saboteur, [Agent("silent", silent)]) as server:
        report = check(server, promises_named(names), options)
    assert {verdict.name: verdict.outcome for verdict in report.verdicts} == {
        "golden-path": Outcome.FAIL,
        "history": Outcome.NOT_RUN,
        "runs": Outcome.FAIL,
        "foreign": Outcome.PASS,
    }


def test_an_agent_that_does_not_exist_breaks_no_more_than_its_own_promise() -> None:
    options = replace(OPTIONS, agent="nobody")
    names = ["golden-path", "history", "order", "resume", "foreign"]
    with SabotagedServer(Saboteur, [demo_agent(PACE_S)]) as server:
        report = check(server, promises_named(names), options)
    broken = {one.name: one.finding.faults[0] for one in report.having(Outcome.FAIL)}
    assert list(broken) == ["golden-path", "order"]
    assert broken["golden-path"].startswith("unknown_agent: ")
    assert [one.name for one in report.having(Outcome.NOT_RUN)] == ["history", "resume"]


def test_every_promise_but_that_of_this_machine_has_a_fault_that_breaks_it() -> None:
    tried = {str(fault.__doc__) for fault in FAULTS} | {"runs"}
    assert {promise.name for promise in PROMISES} - tried == {"id"}  # see test_check_rules.py

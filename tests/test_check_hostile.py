"""`threadcast check` against malicious servers: a verdict, bounded memory, no crash."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx2
import pytest

from saboteur import SECRET, Envelope, Link, SabotagedServer, Saboteur
from threadcast.agents.demo import demo_agent
from threadcast.check import CheckOptions, Outcome, Report, Target, promises_named, run_check
from threadcast.check.isolation import difference_faults, face_of_answer
from threadcast.check.person import Answer
from threadcast.check.verdict import Finding
from threadcast.client import ServerUnreachable
from threadcast.testing import E2EAuthHelper

AUTH = E2EAuthHelper(secret=SECRET)
OPTIONS = CheckOptions(run_max_s=5.0, connects=4, cursors=2)
WAIT_S = 20.0
LISTINGS: list[Any] = [
    5,
    {"threads": 5},
    {"threads": ["x", {}, {"metadata": True}, {"metadata": {"check": 1}}]},
    {"threads": [{"thread_id": "\r\n", "metadata": {"check": 1}}]},
]


def target(server: SabotagedServer) -> Target:
    return Target(server.url, (AUTH.token("alice"), AUTH.token("bob")), AUTH)


async def check(server: SabotagedServer, *names: str) -> Report:
    return await run_check(target(server), OPTIONS, promises_named(names))


@pytest.mark.parametrize("listing", LISTINGS)
async def test_a_list_of_threads_that_is_none_stops_nothing(listing: Any) -> None:
    class ListsRubbish(Saboteur):
        async def answer(
            self, method: str, path: str, status: int, document: Any
        ) -> tuple[int, Any]:
            if (method, path) == ("GET", "/v1/threads"):
                return 200, listing
            return status, document

    with SabotagedServer(ListsRubbish) as server:
        report = await check(server, "session")
    assert report.holds
    assert report.left_behind == ()


@pytest.mark.parametrize("thread_id", [None, 5, "\x1b[2J", "thread_\r\nX: y", "../../x"])
async def test_a_thread_whose_id_is_none_is_a_fault(thread_id: Any) -> None:
    class NamesRubbish(Saboteur):
        async def answer(
            self, method: str, path: str, status: int, document: Any
        ) -> tuple[int, Any]:
            if (method, path) == ("POST", "/v1/threads"):
                document = {**document, "thread_id": thread_id}
            return status, document

    with SabotagedServer(NamesRubbish) as server:
        report = await check(server, "session")
    (fault,) = report.verdicts[0].finding.faults
    assert fault.startswith("a thread was made under what is no id: ")


async def test_limits_that_are_no_object_are_not_tried() -> None:
    class LimitsRubbish(Saboteur):
        async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
            for event in events:
                if event["event_type"] == "connection_ready":
                    event["data"]["limits"] = [1]
            return events

    with SabotagedServer(LimitsRubbish) as server:
        report = await check(server, "connect", "limits")
    assert report.verdicts[0].outcome is Outcome.PASS
    assert "size of a message (not tried" in report.verdicts[1].finding.measured


@pytest.mark.parametrize(
    ("first_seq", "seq"), [(1, 10**15), (1, 2**60), (5, 4), (0, 1), (-(10**9), 3)]
)
async def test_an_event_that_stands_for_very_many_does_not_fill_the_memory(
    first_seq: int, seq: int
) -> None:
    class StandsForAll(Saboteur):
        async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
            for event in events:
                if event["event_type"] == "message_created":
                    event.update(first_seq=first_seq, seq=seq)
            return events

    with SabotagedServer(StandsForAll, [demo_agent(0.001)]) as server:
        report = await check(server, "order", "second-device", "resume")
    (fault,) = report.verdicts[0].finding.faults
    assert "the server broke the protocol: " in fault


async def test_runs_without_any_seq_are_a_fault() -> None:
    class ForgetsSeqs(Saboteur):
        async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
            for event in events:
                event.pop("seq", None)
            return events

    with SabotagedServer(ForgetsSeqs, [demo_agent(0.001)]) as server:
        report = await check(server, "order", "resume")
    assert report.verdicts[0].finding.faults == ("every run ended, and no event of them has a seq",)
    assert report.verdicts[1].outcome is Outcome.NOT_RUN


async def test_cursors_beyond_all_numbers_are_refused() -> None:
    class AttachesFarAway(Saboteur):
        async def events(self, link: Link, events: list[Envelope]) -> list[Envelope]:
            for event in events:
                if event["event_type"] == "attached":
                    event["data"]["after"] = 2**70
            return events

    with SabotagedServer(AttachesFarAway) as server, pytest.raises(ServerUnreachable) as refused:
        await check(server, "id")
    assert "attached does not say where" in refused.value.message


def test_a_long_answer_is_compared_in_linear_time() -> None:
    """With a quadratic expression this takes hours."""
    text = "a_" * 1_000_000
    faces = [face_of_answer(Answer(404, text + end, "text/plain", 0.0)) for end in ("x", "y")]
    assert difference_faults({"GET": faces[0]}, {"GET": faces[1]}) != []


def test_a_fault_is_shown_in_bounded_length() -> None:
    (fault,) = Finding.judged("", ["x" * 1_000_000]).faults
    assert len(fault) == 500


class DeletesSlowly(Saboteur):
    """Tells when it is asked to delete, and waits to be told to go on."""

    asked = threading.Event()
    go_on = threading.Event()

    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if method == "GET" and path == "/v1/threads":
            self.asked.set()
            await asyncio.to_thread(self.go_on.wait, WAIT_S)
        return status, document


async def test_leaving_while_it_tidies_up_leaves_nothing() -> None:
    with SabotagedServer(DeletesSlowly) as server:
        checking = asyncio.ensure_future(check(server, "session"))
        assert await asyncio.to_thread(DeletesSlowly.asked.wait, WAIT_S)
        for _ in range(3):
            checking.cancel()
            await asyncio.sleep(0)
        DeletesSlowly.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await checking
        async with httpx2.AsyncClient(base_url=server.url, trust_env=False) as http:
            answer = await http.get("/v1/threads", headers=AUTH.headers("alice"))
    assert answer.json()["threads"] == []

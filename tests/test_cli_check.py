"""`threadcast check` as a program: credentials, output, files, exit statuses, and leaving early."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest

from program import environment, in_terminal, run
from saboteur import SECRET, SabotagedServer, Saboteur
from threadcast import Event, connect
from threadcast.agent import Agent, Run
from threadcast.agents.demo import demo_agent
from threadcast.check import PROMISES
from threadcast.testing import E2EAuthHelper
from threadcast.testing.server import LocalServer

AUTH = E2EAuthHelper(secret=SECRET)
QUICK = ("--only", "id", "--only", "session")


async def silent(run: Run) -> str:
    """An agent that never answers."""
    return str(await run.ask("Are you there?"))


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer([demo_agent(0.001), Agent("silent", silent)], jwt_secret=SECRET) as running:
        yield running


def signed_in(**more: str) -> dict[str, str]:
    """The environment of two users."""
    tokens = {"THREADCAST_TOKEN": AUTH.token("alice"), "THREADCAST_TOKEN_B": AUTH.token("bob")}
    return environment(**tokens, **more)


def threads_of(server: LocalServer, user_id: str) -> list[dict[str, Any]]:
    url = f"{server.url}/v1/threads"
    answer = httpx2.get(url, headers=AUTH.headers(user_id), trust_env=False)
    threads: list[dict[str, Any]] = answer.json()["threads"]
    return threads


async def test_promises_that_hold_are_exit_0_and_nothing_is_left(server: LocalServer) -> None:
    only = ("golden-path", "history", "isolation")
    arguments = [word for name in only for word in ("--only", name)]
    status, out, errors = await run("check", server.url, *arguments, env=signed_in())
    assert (status, errors) == (0, "")
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["pass", name] for name in only]
    assert lines[-1].startswith("3 pass, as alice and bob, in ")
    assert threads_of(server, "alice") == threads_of(server, "bob") == []


class _ForgetsAll(Saboteur):
    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if method == "GET" and path.endswith("/messages") and status == 200:
            document["messages"] = []
        return status, document


async def test_a_broken_promise_is_exit_1_in_every_form(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    with SabotagedServer(_ForgetsAll) as server:
        arguments = ("check", server.url, "--only", "history", "--json", "--junit", str(report))
        status, out, errors = await run(*arguments, env=signed_in())
    assert (status, errors) == (1, "threadcast: 1 promise broken: history\n")
    document = json.loads(out)
    assert (document["holds"], document["users"]) == (False, ["alice", "bob"])
    assert document["promises"][0]["faults"] == [
        "the user's text is not in it",
        "the assistant's text is not in it",
    ]
    suite = ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


async def test_the_list_needs_no_server() -> None:
    status, out, _ = await run("check", "--list")
    assert status == 0
    assert [line.partition(":")[0] for line in out.splitlines()] == [one.name for one in PROMISES]


async def test_the_secret_makes_both_tokens(server: LocalServer, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    for arguments in (["--dev-secret-file", str(file)], []):
        env = environment() if arguments else environment(THREADCAST_JWT_SECRET=SECRET)
        status, out, errors = await run("check", server.url, *QUICK, *arguments, env=env)
        assert (status, errors) == (0, "")
        assert "as threadcast-check-a and threadcast-check-b" in out


async def test_a_development_server_gives_both_tokens() -> None:
    with LocalServer(dev=True) as server:
        status, out, errors = await run("check", server.url, *QUICK)
    assert (status, errors) == (0, "")
    assert "as threadcast-check-a and threadcast-check-b" in out


async def test_l5_tokens_on_the_command_line_are_taken_with_a_warning(server: LocalServer) -> None:
    tokens = ("--token", AUTH.token("alice"), "--token", AUTH.token("bob"))
    status, _, errors = await run("check", server.url, *QUICK, *tokens)
    assert status == 0
    assert errors == (
        "warning: others on this machine can see --token; use THREADCAST_TOKEN and "
        "THREADCAST_TOKEN_B or --token-file\n"
    )
    status, _, errors = await run("check", server.url, *QUICK, "--dev-secret", SECRET)
    assert status == 0
    assert errors.startswith("warning: others on this machine can see --dev-secret; use ")
    assert SECRET not in errors


async def test_tokens_come_from_files(server: LocalServer, tmp_path: Path) -> None:
    arguments = []
    for user in ("alice", "bob"):
        (tmp_path / user).write_text(AUTH.token(user))
        arguments += ["--token-file", str(tmp_path / user)]
    status, out, errors = await run("check", server.url, *QUICK, *arguments)
    assert (status, errors) == (0, "")
    assert "as alice and bob" in out


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--only", "resum"], 64, 'got the unknown promise "resum", did you mean "resume"?'),
        (["--token", "a.b.c"], 64, "expected the tokens of two users, got 1: set THREADCAST_TOKEN"),
        (["--dev-secret", "short"], 77, "--dev-secret: secret: expected at least 32 bytes"),
        (["--connections", "0"], 64, "0 is not in the range 1<=x<=200"),
        (["--junit", "/nowhere/at/all.xml"], 64, "/nowhere/at/all.xml"),
        (["--token-file", "/nowhere"], 77, "/nowhere: No such file or directory"),
    ],
    ids=["promise", "one token", "secret", "bound", "junit", "token file"],
)
async def test_l1_l2_what_cannot_be_used_is_one_line(
    arguments: list[str], status: int, line: str
) -> None:
    got, out, errors = await run("check", "http://127.0.0.1:9", *arguments)
    assert (got, out) == (status, "")
    assert line in errors.splitlines()[-1]


async def test_l2_a_server_that_is_not_there_is_69() -> None:
    status, out, errors = await run("check", "http://127.0.0.1:9", env=signed_in())
    assert (status, out) == (69, "")
    assert errors == (
        "threadcast: cannot reach the server at http://127.0.0.1:9: Connection refused\n"
    )
    status, _, errors = await run("check", "http://127.0.0.1:9/?token=x", env=signed_in())
    assert status == 64
    assert errors.startswith("threadcast: URL: expected nothing after the path")


async def test_l2_a_token_that_is_not_accepted_is_77(server: LocalServer) -> None:
    env = signed_in() | {"THREADCAST_TOKEN_B": AUTH.wrong_key_token("bob")}
    status, out, errors = await run("check", server.url, env=env)
    assert (status, out) == (77, "")
    assert errors == "threadcast: the second token was not accepted: The token is not valid.\n"


@pytest.mark.parametrize("token", ["\N{SNOWMAN}", "a-secret\x07", "a-secret and-more"])
async def test_l2_a_token_that_no_header_can_have_is_77(server: LocalServer, token: str) -> None:
    env = signed_in() | {"THREADCAST_TOKEN_B": token}
    status, out, errors = await run("check", server.url, env=env)
    assert (status, out) == (77, "")
    assert errors == "threadcast: the second token: expected one word of ASCII\n"


async def test_l2_a_host_that_cannot_be_is_69() -> None:
    url = f"http://{'a' * 70}.example"
    for command in ("check", "tail", "consistency"):
        env = signed_in(THREADCAST_URL=url, HTTP_PROXY="", http_proxy="", ALL_PROXY="")
        status, out, errors = await run(command, env=env)
        assert (status, out) == (69, "")
        assert "threadcast: cannot reach the server at " in errors


async def test_l2_without_tokens_it_says_how_to_give_them(server: LocalServer) -> None:
    status, _, errors = await run("check", server.url)
    assert status == 77
    assert errors == (
        "threadcast: no tokens: set THREADCAST_TOKEN and THREADCAST_TOKEN_B, or give --token-file "
        "twice; the server is not for development\n"
    )


async def test_two_tokens_of_one_user_are_64(server: LocalServer) -> None:
    env = signed_in() | {"THREADCAST_TOKEN_B": AUTH.token("alice")}
    status, _, errors = await run("check", server.url, env=env)
    assert status == 64
    assert "expected tokens of two different users, got the same twice" in errors


async def test_when_the_time_is_up_the_rest_is_not_run_and_nothing_is_left(
    server: LocalServer,
) -> None:
    limits = ("--agent", "silent", "--timeout", "1")
    names = ("--only", "golden-path", "--only", "history")
    status, out, errors = await run("check", server.url, *limits, *names, env=signed_in())
    assert status == 69
    assert out.count("the time for the whole check was up") == 2
    assert "--timeout gives it more" in errors
    assert threads_of(server, "alice") == []


async def test_l3_colours_are_for_terminals_that_want_them(server: LocalServer) -> None:
    env = signed_in(TERM="xterm")
    async with in_terminal("check", server.url, *QUICK, env=env) as terminal:
        assert await terminal.ended() == 0
        await terminal.until("2 pass")
        assert "\x1b[32mpass\x1b[0m" in terminal.shown
    env = signed_in(TERM="xterm", NO_COLOR="1")
    async with in_terminal("check", server.url, *QUICK, columns=20, env=env) as terminal:
        assert await terminal.ended() == 0
        await terminal.until("2 pass")
        assert "\x1b" not in terminal.shown
        assert max(map(len, terminal.shown.splitlines())) <= 20


async def test_l4_ctrl_c_deletes_the_threads_and_is_130(server: LocalServer) -> None:
    arguments = ("--agent", "silent", "--only", "id", "--only", "golden-path")
    env = signed_in(TERM="xterm")
    async with (
        connect(server.url, AUTH.token("alice")) as client,
        in_terminal("check", server.url, *arguments, env=env) as terminal,
    ):
        async for item in client:
            if isinstance(item, Event) and item.event_type == "input_requested":
                break
        terminal.type("\x03")
        assert await terminal.ended() == 130
    assert "Traceback" not in terminal.shown
    assert threads_of(server, "alice") == []

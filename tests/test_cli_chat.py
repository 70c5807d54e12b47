"""`threadcast chat`: rows L1 to L7 of the table of bad input, and a chat that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from live_server import LiveServer
from program import COMMAND, environment, in_terminal, run
from threadcast.cli import exits, main
from threadcast.cli.chat_answers import UnusableAnswer, answer_of, hint_of
from threadcast.cli.chat_input import LineInput, LineTooLong
from threadcast.cli.chat_quiet import QuietWatch
from threadcast.cli.chat_screen import Screen
from threadcast.cli.chat_transcript import Transcript, compact
from threadcast.client import CommandRejected, Event
from wire_server import OTHER_FEED, RUN, THREAD, Plan, WireServer

TOKEN = {"THREADCAST_TOKEN": "a.b.c"}
INPUT = "input_1763629203000_9_5b0d7e13"


def with_token(**variables: str) -> dict[str, str]:
    return environment(**TOKEN, **variables)


def answering(*pieces: str, plans: list[Plan] | None = None) -> WireServer:
    """A server whose agent answers each message with these pieces."""
    server = WireServer(plans)

    def answer(run_id: str) -> None:
        server.append("agent_started", run_id, agent="demo", attempt=1)
        for piece in pieces:
            server.append("agent_delta", run_id, text=piece)
        server.append("agent_completed", run_id, content="".join(pieces), duration_ms=1)

    server.on_message = answer
    return server


async def chat(
    server: WireServer, *arguments: str, stdin: str = "", env: dict[str, str] | None = None
) -> tuple[int, str, str]:
    return await run("chat", "--url", server.url, *arguments, stdin=stdin, env=env or with_token())


# --- through a pipe -------------------------------------------------------------------------------


async def test_a_pipe_sends_line_by_line_and_ends_with_0() -> None:
    server = answering("one ", "two\n", "three")
    async with server.running():
        status, out, errors = await chat(server, stdin="first\n\nsecond")
    assert (status, out) == (0, "one two\nthree\n" * 2)
    assert errors == f"[to go on: --thread {THREAD}]\n"
    sent = [c for c in server.commands if c["command"] == "send_message"]
    assert [c["content"] for c in sent] == ["first", "second"]
    assert [c.get("thread_id") for c in sent] == [None, THREAD]


async def test_an_answer_that_differs_in_space_only_is_shown_once() -> None:
    server = WireServer()

    def answer(run_id: str) -> None:
        server.append("agent_delta", run_id, text="It is shipped. ")
        server.append("agent_completed", run_id, content="It is shipped.", duration_ms=1)

    server.on_message = answer
    async with server.running():
        status, out, _ = await chat(server, stdin="go\n")
    assert (status, out) == (0, "It is shipped. \n")


async def test_another_agent_is_asked_by_its_name() -> None:
    server = answering("yes")
    async with server.running():
        status, _, _ = await chat(server, "--agent", "bookkeeper", stdin="go\n")
        assert status == 0
        status, _, errors = await chat(server, "--agent", "x" * 65, stdin="go\n")
    assert (status != 0, "agent: expected text of" in errors) == (True, True)
    sent = [c for c in server.commands if c["command"] == "send_message"]
    assert [c["agent"] for c in sent] == ["bookkeeper"]


@pytest.mark.parametrize("frames", range(2, 14))
async def test_no_character_is_lost_or_repeated_when_the_connection_ends(frames: int) -> None:
    pieces = [f"<{index}>" for index in range(8)]
    server = answering(*pieces, plans=[Plan(cut_after_frames=frames, cut_bytes=9)])
    async with server.running():
        status, out, _ = await chat(server, stdin="go\n")
    assert (status, out) == (0, "".join(pieces) + "\n")


async def test_a_failed_run_is_70_and_said() -> None:
    server = WireServer()

    def fail(run_id: str) -> None:
        server.append("agent_failed", run_id, code="timed_out", message="too slow", retryable=True)

    server.on_message = fail
    async with server.running():
        status, out, errors = await chat(server, stdin="go\n")
    assert (status, out) == (exits.SOFTWARE, "")
    assert "[failed: too slow (timed_out)]\n" in errors


async def test_a_question_is_answered_by_the_next_line() -> None:
    server = WireServer()

    def ask(run_id: str) -> None:
        question = {"input_id": INPUT, "prompt": "Sure?", "expires_at": 4e9}
        server.append("input_requested", run_id, **question, schema={"type": "boolean"})

    def respond(command: dict[str, Any]) -> None:
        if command["command"] == "respond":
            value = command["value"]
            run_id = command["run_id"]
            server.append("agent_completed", run_id, content=f"you said {value}", duration_ms=1)

    server.on_message, server.on_command = ask, respond
    async with server.running():
        status, out, errors = await chat(server, stdin="go\nmaybe\nyes\n")
        assert (status, out) == (0, "you said True\n")
        asked = "? Sure? (y/n)\n"
        assert errors.startswith(f"{asked}[please type yes or no]\n{asked}")
        status, out, errors = await chat(server, stdin="go\n")
        assert status == exits.USAGE
        assert server.commands[-1]["command"] == "cancel_run"


async def test_a_thread_is_gone_on_with_after_its_history() -> None:
    server = answering("answer")
    server.append("message_created", role="user", content="old", client_message_id="x")
    history = {"seq": 1, "role": "user", "content": "old", "run_id": "r", "timestamp": 1.0}
    server.snapshots[f"/v1/threads/{THREAD}/messages"] = {
        "seq": 1,
        "messages": [history, history | {"role": "assistant", "content": "older answer"}],
        "next": None,
    }
    async with server.running():
        status, out, errors = await chat(server, "--thread", THREAD, stdin="new\n")
    assert (status, out) == (0, "answer\n")
    assert errors.startswith("> old\nolder answer\n[")
    assert server.attaches()[0]["thread_id"] == THREAD
    assert server.attaches()[0]["after"] == 1


async def test_a_thread_that_is_not_there_is_64() -> None:
    server = WireServer()
    async with server.running():
        status, out, errors = await chat(server, "--thread", THREAD)
    assert (status, out) == (exits.USAGE, "")
    assert errors == f"threadcast: --thread: there is no thread {THREAD}\n"


async def test_l5_a_token_on_the_command_line_is_taken_with_a_warning() -> None:
    server = answering("x")
    async with server.running():
        status, _, errors = await chat(server, "--token", "t.o.k", stdin="go\n", env=environment())
        assert (status, server.tokens) == (0, ["t.o.k"])
        assert errors.startswith("warning: others on this machine can see --token")
        assert "t.o.k" not in errors
        status, _, errors = await chat(server, "--token-file", "-", stdin="f.i.l\ngo\n")
        assert (status, server.tokens[1:]) == (0, ["f.i.l"])
        assert "warning" not in errors


async def test_l6_control_characters_are_shown_and_not_obeyed() -> None:
    server = answering("a\x1b[31mred\x07", "\x9b2J\u202eevil\r")
    async with server.running():
        status, out, _ = await chat(server, stdin="go\n")
    assert (status, out) == (0, "a\\x1b[31mred\\x07\\x9b2J\\u202eevil\\r\n")


async def test_l7_a_reset_is_shown_and_the_thread_is_read_again() -> None:
    server = WireServer()
    message = {"role": "user", "content": "go", "timestamp": 1.0, "seq": 1}

    def restored(run_id: str) -> None:
        server.append("agent_delta", run_id, text="half of the old ans")
        server.feed = OTHER_FEED
        server.snapshots[f"/v1/threads/{THREAD}/messages"] = {
            "seq": 2,
            "messages": [message | {"run_id": run_id}],
            "next": None,
        }
        run_now = {"run_id": run_id, "thread_id": THREAD, "agent": "demo", "status": "running"}
        run_now |= {"attempt": 1, "message_seq": 1, "created_at": 1.0}  # type: ignore[dict-item]
        times = {"started_at": 1.0, "ended_at": None}
        server.snapshots[f"/v1/runs/{run_id}"] = {"seq": 2, "run": run_now | times, "inputs": []}

    server.on_message = restored
    environ = with_token(NO_COLOR="1", TERM="xterm")
    async with server.running(), in_terminal("chat", "--url", server.url, env=environ) as terminal:
        await terminal.until("> ")
        terminal.type("go\n")
        await terminal.until("half of the old ans")
        server.cut_all()
        await terminal.until("reading the thread again]\n> go\n")
        run_id = server.journal[0]["run_id"]
        server.append("agent_delta", run_id, text="wer, of which a part was lost")
        server.append("agent_completed", run_id, content="the whole answer", duration_ms=1)
        await terminal.until("the whole answer\n> ")
    reset = "[reset: the server's journal is a new one; reading the thread again]"
    keys = "[Ctrl-C stops an answer, Ctrl-D leaves after it]"
    shown = f"{keys}\n> go\nhalf of the old ans\n{reset}\n> go\nthe whole answer\n> "
    assert terminal.shown == shown


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        (Plan(status=401), 77),
        (Plan(status=403, code="origin_not_allowed"), 77),
        (Plan(status=500), 70),
        (Plan(status=503), 69),
    ],
)
async def test_l2_what_the_server_refuses(plan: Plan, status: int) -> None:
    server = WireServer([plan])
    async with server.running():
        ended, out, errors = await chat(server, stdin="go\n")
    assert (ended, out) == (status, "")
    assert errors.startswith("threadcast: HTTP ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("command", ["chat", "tail"])
@pytest.mark.parametrize(
    "plan",
    [
        Plan(status=200),
        Plan(status=403),
        Plan(status=403, code="forbidden"),
        Plan(status=404),
        Plan(status=404, code="not_found"),
        Plan(status=426),
        Plan(status=501),
    ],
    ids=lambda plan: f"{plan.status}-{plan.code}",
)
async def test_l2_another_server_at_the_url(command: str, plan: Plan) -> None:
    server = WireServer([plan])
    async with server.running():
        status, out, errors = await run(
            command, "--url", server.url, stdin="go\n", env=with_token()
        )
        where = f"no Threadcast server at {server.url} (HTTP {plan.status})"
    assert (status, out) == (exits.UNAVAILABLE, "")
    assert errors == f"threadcast: {where}; --url or THREADCAST_URL names another one\n"


@pytest.mark.parametrize("command", ["chat", "tail"])
async def test_l2_a_server_without_its_store_needs_no_other_url(
    command: str, tmp_path: Path
) -> None:
    with LiveServer(tmp_path, dev=True) as server:
        (tmp_path / "events.db").unlink()
        status, out, errors = await run(
            command, "--url", server.url, stdin="go\n", env=environment()
        )
    assert (status, out) == (exits.UNAVAILABLE, "")
    assert errors.endswith("threadcast: The store cannot be reached now.\n")


@pytest.mark.parametrize("arguments", [("tail",), ("chat",), ("tail", "--user", "bob")])
async def test_l2_a_path_that_a_server_does_not_have(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with LiveServer(tmp_path, dev=True) as server:
        url = f"{server.url}/wrong"
        status, out, errors = await run(*arguments, "--url", url, env=environment())
        signed_in = await run(*arguments, "--url", url, env=with_token())
    assert (status, out) == (exits.UNAVAILABLE, "")
    assert errors.startswith(f"threadcast: no Threadcast server at {url} (HTTP 404); --url ")
    if "--user" not in arguments:
        assert signed_in[0] == exits.UNAVAILABLE
        assert signed_in[2].startswith(f"threadcast: no Threadcast server at {url} (HTTP 404); ")


@pytest.mark.parametrize("command", ["chat", "tail"])
@pytest.mark.parametrize("url", ["nonsense", "http://", "http://u:p@x", "http://x?token=u:p"])
def test_l2_what_is_no_url_is_64(
    command: str, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THREADCAST_TOKEN", "a.b.c")
    assert main([command, "--url", url]) == exits.USAGE
    errors = capsys.readouterr().err
    assert errors.startswith("threadcast: --url or THREADCAST_URL: expected ")
    assert errors.count("\n") == 1
    assert "u:p" not in errors


@pytest.mark.parametrize("command", ["chat", "tail"])
@pytest.mark.parametrize("token", [{}, TOKEN], ids=["development", "token"])
def test_l2_a_server_that_cannot_be_reached_is_69_and_named(
    command: str,
    token: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in token.items():
        monkeypatch.setenv(name, text)
    arguments = [command, "--url", "http://127.0.0.1:1"]
    assert main(arguments) == exits.UNAVAILABLE
    errors = capsys.readouterr().err
    assert errors.startswith("threadcast: cannot reach the server at http://127.0.0.1:1: ")
    assert "--url" in errors
    assert errors.count("\n") == 1
    assert main([*arguments, "-v"]) == exits.UNAVAILABLE
    assert "Traceback" in capsys.readouterr().err


async def test_l2_tls_to_a_plain_port() -> None:
    server = WireServer()
    async with server.running():
        url = server.url.replace("http:", "https:")
        status, _, errors = await run("chat", "--url", url, env=with_token())
    assert status == exits.UNAVAILABLE
    assert "TLS" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--token", "a", "--user", "b"], 64, "expected one of"),
        (["--token-file", "/nowhere/at/all"], 77, "No such file"),
        (["--url", "http://example.org"], 77, "no token"),
        (["--thread", "../x"], 64, '--thread: got "../x", expected a thread\'s id, thread_<word>_'),
        (["--thread", RUN], 64, "--thread: got a run id, expected a thread's id"),
        (["--thread", THREAD[:-1]], 64, f'--thread: got "{THREAD[:-1]}", expected'),
        (["--tread", "x"], 64, "--thread"),
    ],
)
def test_l1_l5_unusable_options(
    arguments: list[str],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "--thread" in arguments:
        monkeypatch.setenv("THREADCAST_TOKEN", "a.b.c")
    assert main(["chat", *arguments]) == status
    errors = capsys.readouterr().err
    assert said in errors
    assert "Traceback" not in errors


async def test_without_a_token_a_server_that_is_not_for_development_is_77(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        status, _, errors = await run("chat", "--url", server.url, env=environment())
    assert status == exits.NO_PERMISSION
    assert "set THREADCAST_TOKEN" in errors


async def test_without_a_token_another_server_is_69() -> None:
    async with await asyncio.start_server(_no_such_thing, "127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        status, _, errors = await run("chat", "--url", url, env=environment())
    assert status == exits.UNAVAILABLE
    assert f"no Threadcast server at {url} (HTTP 404)" in errors


async def test_who_is_signed_in_is_said_where_nobody_said_it(tmp_path: Path) -> None:
    with LiveServer(tmp_path, dev=True) as server:
        environ = environment(LOGNAME="ann")
        unnamed = await run("chat", "--url", server.url, env=environ)
        named = await run("chat", "--url", server.url, "--user", "bob", env=environ)
    told = "[signed in as ann, this machine's user; --user names another one]\n"
    assert (unnamed, named) == ((0, "", told), (0, "", ""))


async def _no_such_thing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    writer.close()
    await writer.wait_closed()


# --- streams that are closed, and no terminal -----------------------------------------------------


async def test_l3_stdin_closed() -> None:
    server = answering("x")
    async with server.running():
        status, out, errors = await shell(f"{{}} chat --url {server.url} <&-")
    assert (status, out, errors) == (0, "", "")


async def test_l3_stdout_closed() -> None:
    server = answering("x")
    async with server.running():
        status, _, errors = await shell(f"echo go | {{}} chat --url {server.url} >&-")
    assert status == 0
    assert "Traceback" not in errors


async def test_l3_stdout_piped_into_something_that_ends() -> None:
    server = answering(*["a line of the answer\n"] * 5_000)
    async with server.running():
        line = f"(echo go | {{}} chat --url {server.url}; echo status $? >&2) | head -1"
        status, out, errors = await shell(line)
    assert (status, out) == (0, "a line of the answer\n")
    assert "status 141" in errors
    assert "Traceback" not in errors


async def test_l3_a_reader_that_goes_while_nothing_is_said() -> None:
    server = answering("the answer\n")
    reading, writing = os.pipe()
    async with server.running():
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "chat", "--url", server.url),
            stdin=asyncio.subprocess.PIPE,  # which does not end
            stdout=writing,
            stderr=asyncio.subprocess.DEVNULL,
            env=with_token(),
        )
        os.close(writing)
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        with os.fdopen(reading) as reader:
            assert await asyncio.to_thread(reader.readline) == "the answer\n"
        async with asyncio.timeout(20):
            assert await process.wait() == exits.BROKEN_PIPE


async def shell(line: str) -> tuple[int, str, str]:
    """Run a shell's line in which {} is the program."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        line.format(" ".join(COMMAND)),
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        env=with_token(),
    )
    async with asyncio.timeout(30):
        out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


# --- in a terminal --------------------------------------------------------------------------------


async def test_a_terminal_shows_thinking_tools_and_the_answer() -> None:
    server = WireServer()

    def answer(run_id: str) -> None:
        call = {"tool_call_id": "t1", "tool": "add"}
        server.append("agent_started", run_id, agent="demo", attempt=1)
        server.append("agent_thinking", run_id, text="let me see")
        server.append("tool_executing", run_id, **call, arguments={"a": 1})
        done = {"result": 3, "is_error": False, "duration_ms": 12}
        server.append("tool_completed", run_id, **call, **done)
        server.append("agent_delta", run_id, text="It is ")
        server.append("agent_delta", run_id, text="3.")
        server.append("agent_completed", run_id, content="It is 3.", duration_ms=1)

    server.on_message = answer
    environ = with_token(TERM="xterm")
    async with server.running(), in_terminal("chat", "--url", server.url, env=environ) as terminal:
        await terminal.until("> ")
        terminal.type("what is it?\n")
        await terminal.until("It is 3.\n\x1b[1m> ")
        terminal.type("\x04")
        assert await terminal.ended() == 0
    assert '\x1b[2mlet me see\x1b[0m\n\x1b[2m> add {"a":1}\x1b[0m' in terminal.shown
    assert "< add 3 (12 ms)" in terminal.shown


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
async def test_l3_no_colour_and_20_columns(variables: dict[str, str]) -> None:
    server = answering("a long answer that does not fit into twenty columns")
    environ = with_token(**{"TERM": "xterm"} | variables)
    async with (
        server.running(),
        in_terminal("chat", "--url", server.url, columns=20, env=environ) as terminal,
    ):
        await terminal.until("> ")
        terminal.type("go\n")
        await terminal.until("twenty columns\n> ")
        terminal.type("\x03")
        assert await terminal.ended() == 130
    assert "\x1b" not in terminal.shown


async def test_l4_ctrl_c_asks_to_cancel_then_leaves_and_the_terminal_is_as_it_was() -> None:
    server = WireServer()
    server.on_message = lambda run_id: None
    environ = with_token(TERM="xterm")
    async with server.running(), in_terminal("chat", "--url", server.url, env=environ) as terminal:
        before = terminal.settings()
        await terminal.until("> ")
        terminal.type("one\n")
        await server.until(lambda: server.head == 1)
        server.append("agent_delta", server.journal[0]["run_id"], text="working")
        await terminal.until("working")
        terminal.type("\x03")
        await terminal.until("[cancelled: cancelled by user]\n\x1b[1m> ")
        server.on_command = ignore_cancel
        terminal.type("two\n")
        await server.until(lambda: server.head == 4)
        server.append("agent_delta", server.journal[3]["run_id"], text="stubborn")
        await terminal.until("stubborn")
        terminal.type("\x03")
        await server.until(lambda: server.commands[-1]["command"] == "cancel_run")
        terminal.type("\x03")
        assert await terminal.ended() == 130
        assert terminal.settings() == before
    assert "Ctrl-C again leaves" in terminal.shown
    assert terminal.shown.endswith("\n")


def ignore_cancel(command: dict[str, Any]) -> dict[str, Any] | None:
    return {"status": "running"} if command["command"] == "cancel_run" else None


async def test_a_restart_of_the_server_is_survived_and_said_when_it_takes_long() -> None:
    server = answering("the answer")
    port = free_port()
    url, environ = f"http://127.0.0.1:{port}", with_token(TERM="xterm")
    async with contextlib.AsyncExitStack() as stack:
        async with server.running(port):
            terminal = await stack.enter_async_context(
                in_terminal("chat", "--url", url, env=environ)
            )
            await terminal.until("> ")
        await terminal.until("connection lost")
        async with server.running(port):
            await terminal.until("connected again")
            terminal.type("go\n")
            await terminal.until("the answer\n")
            terminal.type("\x04")
            assert await terminal.ended() == 0


def free_port() -> int:
    """A port that is free now; for servers that go and come back."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# --- parts ----------------------------------------------------------------------------------------


def shown_of(*events: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    """What a pipe gets of these events, and what is said beside it."""
    out, beside = io.StringIO(), io.StringIO()
    transcript = Transcript(Screen(out, beside, {}), THREAD)
    for seq, (event_type, data) in enumerate(events, start=1):
        transcript.show(Event(event_type, 1.0, "u", data, THREAD, "run", seq))
    return out.getvalue(), beside.getvalue()


def test_a_take_over_voids_what_was_streamed() -> None:
    started = {"agent": "demo"}
    shown = shown_of(
        ("agent_started", started | {"attempt": 1}),
        ("agent_delta", {"text": "Hal"}),
        ("agent_started", started | {"attempt": 2}),
        ("agent_delta", {"text": "Hello"}),
        ("agent_completed", {"content": "Hello!", "duration_ms": 1}),
    )
    assert shown == ("Hal\n[interrupted; the answer starts again below]\nHello!\n", "")


def test_a_take_over_before_any_text_is_said_too() -> None:
    started = {"agent": "demo"}
    shown = shown_of(
        ("agent_started", started | {"attempt": 1}),
        ("agent_thinking", {"text": "hm"}),
        ("agent_started", started | {"attempt": 2}),
        ("agent_thinking", {"text": "hm"}),
    )
    assert shown == ("", "hm\n[interrupted; the answer starts again below]\nhm\n")


def test_a_pipe_gets_the_answer_and_all_else_is_said_beside_it() -> None:
    call = {"tool_call_id": "t1", "tool": "add"}
    done = {"result": 3, "is_error": False, "duration_ms": 12}
    answer, beside = shown_of(
        ("agent_started", {"agent": "demo", "attempt": 1}),
        ("agent_thinking", {"text": "let me see"}),
        ("agent_delta", {"text": "It "}),
        ("tool_executing", call | {"arguments": {"a": 1}}),
        ("tool_completed", call | done),
        ("agent_delta", {"text": "is 3."}),
        ("agent_completed", {"content": "It is 3.", "duration_ms": 1}),
        ("agent_failed", {"code": "timed_out", "message": "too slow", "retryable": True}),
    )
    assert answer == "It is 3.\n"
    said = ["let me see", '> add {"a":1}', "< add 3 (12 ms)", "[failed: too slow (timed_out)]"]
    assert beside.splitlines() == said


def test_an_answer_that_differs_from_what_was_streamed_is_shown_whole() -> None:
    shown = shown_of(
        ("agent_delta", {"text": "draft"}),
        ("agent_completed", {"content": "final", "duration_ms": 1}),
    )
    assert shown == ("draft\n[the whole answer:]\nfinal\n", "")


def test_messages_of_other_devices_are_shown_and_other_threads_are_not() -> None:
    message = {"role": "user", "content": "hi", "client_message_id": "other"}
    assert shown_of(("message_created", message)) == ("", "(elsewhere) hi\n")
    out = io.StringIO()
    transcript = Transcript(Screen(out, None, {}), "thread_other")
    transcript.show(Event("agent_delta", 1.0, "u", {"text": "x"}, THREAD, "run", 1))
    transcript.show(Event("message_created", 1.0, "u", message, THREAD, "run", 2))
    assert (out.getvalue(), transcript.busy) == ("", False)


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("x y", None, "x y"),
        ("5", {"type": "string"}, "5"),
        ("5", {"type": "integer"}, 5),
        ("YES ", {"type": "boolean"}, True),
        ("no", {"type": "boolean"}, False),
        ("b", {"enum": ["a", "b"]}, "b"),
        ("2", {"enum": [1, 2]}, 2),
        ('{"a":[1]}', {"type": "object"}, {"a": [1]}),
        ("x", "no schema at all", "x"),
    ],
)
def test_typed_answers(text: str, schema: Any, value: Any) -> None:
    assert answer_of(text, schema) == value


@pytest.mark.parametrize(
    ("text", "schema"),
    [("x", {"type": "integer"}), ("x", {"type": "boolean"}), ("c", {"enum": ["a", "b"]})],
)
def test_unusable_answers(text: str, schema: Any) -> None:
    with pytest.raises(UnusableAnswer):
        answer_of(text, schema)
    assert hint_of({"enum": ["a", "b"]}) == " (a, b)"


def test_long_values_are_cut() -> None:
    assert compact("x" * 500) == '"' + "x" * 399 + "... (502 characters)"


async def test_lines_come_from_any_chunks() -> None:
    reading, writing = os.pipe()
    lines = LineInput(reading)
    os.write(writing, "première\r\nsec".encode())
    assert await lines.next_line() == "première"
    os.write(writing, b"ond\n\xff\nlast")
    os.close(writing)
    assert [await lines.next_line() for _ in range(4)] == ["second", "\ufffd", "last", None]
    assert await lines.next_line() is None
    os.close(reading)
    assert await LineInput(None).next_line() is None


async def test_a_line_that_does_not_end_is_refused() -> None:
    endless = os.open("/dev/zero", os.O_RDONLY)
    with pytest.raises(LineTooLong, match="1048576"):
        await LineInput(endless).next_line()
    os.close(endless)


# --- while the store is away ----------------------------------------------------------------------


async def test_who_waits_in_vain_is_told_that_the_store_is_away_and_when_it_is_back() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    state = {"away": False, "waits": True, "reads": 0}

    async def read() -> None:
        state["reads"] += 1
        if state["away"]:
            raise CommandRejected("unavailable", "away", retryable=True)

    watch = QuietWatch(read, said.put_nowait, lambda: bool(state["waits"]), quiet_s=0.01)
    watching = asyncio.create_task(watch.run())
    try:
        state["away"] = True
        assert "cannot reach its store" in await asyncio.wait_for(said.get(), 10)
        state["away"] = False
        assert "reaches its store again" in await asyncio.wait_for(said.get(), 10)
        state["waits"] = False
        await asyncio.sleep(0.05)
        reads = state["reads"]
        await asyncio.sleep(0.05)
        assert state["reads"] == reads  # who waits for nothing asks nothing
    finally:
        watching.cancel()
    assert said.empty()

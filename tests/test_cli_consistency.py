"""`threadcast consistency`: a server's report as text, JSON or a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from http_world import fresh_id, token
from live_server import LiveServer
from program import environment, run
from threadcast.cli import exits


def operator(**variables: str) -> dict[str, str]:
    return environment(THREADCAST_TOKEN=token("operator", scopes=("ops",)), **variables)


async def used(server: LiveServer) -> None:
    """Let there be something to report."""
    async with server.talk("ann") as talk:
        sent = await talk.ask("send_message", content="hi", client_message_id="m1")
        await talk.until_run("agent_completed", sent["run_id"])
    await server.settled(0)


async def test_text_json_and_a_page(tmp_path: Path) -> None:
    with LiveServer(tmp_path, track_consistency=True) as server:
        await used(server)
        status, text, errors = await run("consistency", server.url, env=operator())
        _, as_json, _ = await run(
            "consistency", server.url, "--json", "--limit", "1", env=operator()
        )
        page = tmp_path / "report.html"
        wrote = await run(
            "consistency", "--html", str(page), env=operator(THREADCAST_URL=server.url)
        )

    assert (status, errors) == (0, "")
    assert "SNAPSHOTS" in text
    assert "score 100.0 = 100 x (" in text
    assert json.loads(as_json)["analysis"]["traces_shown"] == 1
    assert wrote == (0, f"score 100.0, written to {page}\n", "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


async def test_one_id_can_be_asked_for(tmp_path: Path) -> None:
    with LiveServer(tmp_path, track_consistency=True) as server:
        await used(server)
        unknown = fresh_id("run")
        status, out, errors = await run(
            "consistency", server.url, "--trace", unknown, env=operator()
        )

    assert (status, out) == (exits.USAGE, "")
    assert errors == "threadcast: trace: none that is kept has this id in it\n"


async def test_a_token_without_the_scope_is_told_how_to_get_it(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        env = environment(THREADCAST_TOKEN=token("ann"))
        status, out, errors = await run("consistency", server.url, env=env)

    assert (status, out) == (exits.NO_PERMISSION, "")
    assert "the token lacks the scope ops" in errors
    assert "--scope ops" in errors


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("http://127.0.0.1:9",), exits.UNAVAILABLE, "URL or THREADCAST_URL names another one"),
        (("nonsense",), exits.USAGE, "URL or THREADCAST_URL: "),
        (("--json", "--html", "x"), exits.USAGE, "expected one of --json and --html"),
        (("--limit", "0"), exits.USAGE, "--limit"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(
    arguments: tuple[str, ...], status: int, said: str
) -> None:
    ended, out, errors = await run("consistency", *arguments, env=operator())

    assert (ended, out) == (status, "")
    assert said in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("form", [(), ("--json",), ("--html", "report.html")])
async def test_a_server_that_tracks_nothing_is_no_pass(
    form: tuple[str, ...], tmp_path: Path
) -> None:
    with LiveServer(tmp_path) as server:
        status, out, errors = await run("consistency", server.url, *form, env=operator())

    assert (status, out) == (exits.CONFIGURATION, "")
    assert "the server does not track consistency" in errors
    assert "--track-consistency" in errors


async def test_a_page_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with LiveServer(tmp_path, track_consistency=True) as server:
        path = tmp_path / "nowhere" / "report.html"
        status, _, errors = await run(
            "consistency", server.url, "--html", str(path), env=operator()
        )

    assert status == exits.CANNOT_CREATE
    assert errors == f"threadcast: {path}: No such file or directory\n"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://[::1", "http://user:secret@a:b"])
@pytest.mark.parametrize("command", ["consistency", "check", "tail"])
async def test_a_proxy_that_cannot_be_used_is_said(command: str, proxy: str) -> None:
    tokens = {"THREADCAST_TOKEN": token("ann"), "THREADCAST_TOKEN_B": token("bob")}
    named = {"THREADCAST_URL": "https://chat.example", "ALL_PROXY": proxy, "HTTPS_PROXY": proxy}
    status, out, errors = await run(command, env=environment(**named, **tokens))
    assert (status, out) == (exits.UNAVAILABLE, "")
    assert errors.startswith("threadcast: the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY")
    assert errors.count("\n") == 1
    assert "secret" not in errors

"""The pytest plugin, in processes of their own: silent, as tests of promises, as fixtures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from doc_pages import ROOT, files_of
from program import environment
from saboteur import SECRET, SabotagedServer, Saboteur
from threadcast.agents.demo import demo_agent
from threadcast.check import PROMISES
from threadcast.testing import E2EAuthHelper

AUTH = E2EAuthHelper(secret=SECRET)
RUN_MAX_S = 90.0
HEAVY = "apsw asyncio cryptography httpx2 jwt prometheus_client starlette uvicorn websockets"

WHAT_IS_LOADED = f"""
import sys

def pytest_unconfigure(config):
    heavy = set("{HEAVY}".split()) - {{"asyncio"}}
    ours = [name for name in sys.modules if name.startswith("threadcast.check")]
    print("loaded:", sorted(heavy & set(sys.modules)) + ours)
"""

PASSES = "def test_it():\n    pass\n"


def in_pytest(
    folder: Path, *arguments: str, files: dict[str, str] | None = None, **variables: str
) -> tuple[int, str]:
    """Run pytest in a folder with these files: its exit status, and all that it said."""
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    kept = {name: text for name, text in environment(**variables).items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "threadcast.pytest_plugin", *arguments],
        cwd=folder,
        env=kept | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_MAX_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def tokens() -> list[str]:
    """The options for two users."""
    return [f"--threadcast-token={AUTH.token(user)}" for user in ("alice", "bob")]


def test_pytest_finds_the_plugin() -> None:
    (found,) = entry_points(group="pytest11", name="threadcast")
    assert found.value == "threadcast.pytest_plugin"


def test_unused_it_is_silent_and_loads_nothing(tmp_path: Path) -> None:
    files = {"conftest.py": WHAT_IS_LOADED, "test_it.py": PASSES}
    status, said = in_pytest(tmp_path, files=files)
    assert status == 0, said
    assert "loaded: []" in said
    assert "1 passed" in said
    assert "promise" not in said


# --- promises -------------------------------------------------------------------------------------


def test_each_promise_of_a_deployment_is_a_test(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    with SabotagedServer(Saboteur, [demo_agent(0.001)]) as server:
        (tmp_path / "secret").write_text(f"{SECRET}\n")
        options = [f"--threadcast-url={server.url}", "--threadcast-secret-file=secret"]
        options += ["--threadcast-time-factor=20"]  # the machine may be busy
        status, said = in_pytest(tmp_path, *options, "-v", f"--junit-xml={report}")
    assert status == 0, said
    for promise in PROMISES:
        assert re.search(rf"^threadcast::{promise.name} PASSED", said, re.MULTILINE), said
    assert f"{len(PROMISES)} passed" in said
    case = ElementTree.parse(report).find(".//testcase[@name='resume']")
    assert case is not None
    measured = case.find("properties/property[@name='measured']")
    assert measured is not None
    assert measured.get("value") == "100.0% of 20 cursors"


def test_what_cannot_be_tried_is_skipped_and_says_why(tmp_path: Path) -> None:
    with SabotagedServer(Saboteur, [demo_agent(0.001)]) as server:
        url = f"--threadcast-url={server.url}"
        status, said = in_pytest(tmp_path, url, *tokens(), "-k", "expiry", "-rs")
    assert status == 0, said
    assert "1 skipped" in said
    assert "not run: it needs a token that is about to end" in said


class _ForgetsAll(Saboteur):
    async def answer(self, method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if method == "GET" and path.endswith("/messages") and status == 200:
            document["messages"] = []
        return status, document


def test_a_broken_promise_fails_without_our_stack(tmp_path: Path) -> None:
    with SabotagedServer(_ForgetsAll, [demo_agent(0.001)]) as server:
        variables = {"THREADCAST_CHECK_URL": server.url}
        variables["THREADCAST_TOKEN"] = AUTH.token("alice")
        variables["THREADCAST_TOKEN_B"] = AUTH.token("bob")
        chosen = ("-k", "history or golden or test_it")
        files = {"test_it.py": PASSES}
        status, said = in_pytest(tmp_path, *chosen, files=files, **variables)
    assert status == 1, said
    assert "2 passed, 16 deselected" in said.replace("1 failed, ", "")
    assert "The answer is in the history. (bar: all)" in said
    assert "the user's text is not in it" in said
    assert "plan.py" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected --threadcast-token twice, for two users, got 0"),
        (["--threadcast-secret-file=missing"], "No such file or directory: 'missing'"),
        (["--threadcast-token=a.b.c"] * 2, "cannot reach the server at http://127.0.0.1:9"),
    ],
)
def test_what_cannot_be_used_ends_the_run(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    status, said = in_pytest(tmp_path, "--threadcast-url=http://127.0.0.1:9", *arguments)
    assert status == pytest.ExitCode.USAGE_ERROR, said
    assert message in said


def test_over_several_processes_the_promises_are_one_test(tmp_path: Path) -> None:
    """Each process would try all of them, as the same users, and they disturb each other."""
    with SabotagedServer(_ForgetsAll, [demo_agent(0.001)]) as server:
        options = [f"--threadcast-url={server.url}", *tokens(), "--threadcast-time-factor=20"]
        status, said = in_pytest(tmp_path, "-p", "xdist", "-n", "2", "-rA", *options)
    assert status == 1, said
    assert "FAILED threadcast::promises" in said
    assert "1 failed in " in said
    assert "the user's text is not in it" in said
    assert "Every event comes once" not in said


# --- fixtures -------------------------------------------------------------------------------------

USES_FIXTURES = """
import asyncio

import pytest

from threadcast import agent
from threadcast.client import ClientRefused


@agent("echo")
async def echo(run):
    return run.message


async def talk(client):
    async with client:
        sent = await client.send_message("hello")
        async for item in client:
            if item.run_id == sent.run_id and item.event_type == "agent_completed":
                return item.data["content"]


@pytest.fixture
def threadcast_agents():
    return [echo]


@pytest.fixture
def threadcast_settings():
    return {"max_connections_per_user": 1}


def test_a_real_server_answers(threadcast_server, threadcast_client):
    assert threadcast_server.settings.max_connections_per_user == 1
    assert asyncio.run(talk(threadcast_client("bob"))) == "hello"


def test_bad_tokens_are_refused(threadcast_client, threadcast_auth, threadcast_server):
    from threadcast import connect

    async def refused():
        async with connect(threadcast_server.url, threadcast_auth.expired_token("bob")):
            pass

    with pytest.raises(ClientRefused):
        asyncio.run(refused())


def test_two_servers(threadcast_server_factory, threadcast_server):
    other = threadcast_server_factory([echo], prefix="/chat")
    assert other.url.endswith("/chat")
    assert other.port != threadcast_server.port
"""

ONE_SERVER = """
urls = set()


def test_one(threadcast_server):
    urls.add(threadcast_server.url)


def test_the_same(threadcast_server):
    urls.add(threadcast_server.url)
    assert len(urls) == COUNT
"""


def test_fixtures_start_a_real_server(tmp_path: Path) -> None:
    status, said = in_pytest(tmp_path, files={"test_chat.py": USES_FIXTURES})
    assert status == 0, said
    assert "3 passed" in said


def test_the_guides_programs_run(tmp_path: Path) -> None:
    files = files_of(ROOT / "docs" / "guides" / "testing-your-integration.md")
    status, said = in_pytest(tmp_path, files=files)
    assert status == 0, said
    assert "1 passed" in said
    program = [sys.executable, "tokens.py"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 6


@pytest.mark.parametrize(("scope", "count"), [("", 2), ("session", 1)])
def test_the_servers_scope_can_be_chosen(scope: str, count: int, tmp_path: Path) -> None:
    chosen = f"threadcast_server_scope = {scope}\n" if scope else ""
    files = {
        "pytest.ini": f"[pytest]\n{chosen}",
        "test_it.py": ONE_SERVER.replace("COUNT", str(count)),
    }
    status, said = in_pytest(tmp_path, files=files)
    assert status == 0, said


def test_a_scope_that_does_not_exist_is_named(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\nthreadcast_server_scope = week\n", "test_it.py": PASSES}
    status, said = in_pytest(tmp_path, files=files)
    assert status == pytest.ExitCode.USAGE_ERROR, said
    assert "threadcast_server_scope: expected one of session, package" in said

"""The documents say what is so: pages are current, links lead somewhere, and programs run."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from doc_pages import PAGES, ROOT, blocks, files_of, links
from patience import WAIT_S
from program import environment
from reference_pages import DEPLOY, DEPLOY_FOLDER, FOLDER, TYPES
from reference_pages import PAGES as REFERENCE
from threadcast.alerts.notification import signature

TYPES_MAX_S = 540.0  # a cold cache and a busy machine
SECRET = "docs-tests-5f0c8e2ab1d94763ae21b7"
PYTHON = [sys.executable]
THREADCAST = [*PYTHON, "-m", "threadcast.cli"]
UVICORN = [*PYTHON, "-m", "uvicorn", "--port", "0"]
_INSTALLS = re.compile(r"^pip install .*\bthreadcast\b", re.MULTILINE)


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_a_reference_page_is_current(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")

    assert written == REFERENCE[name](), "run scripts/reference"


@pytest.mark.parametrize("name", sorted(DEPLOY))
def test_a_file_for_operators_is_current(name: str) -> None:
    written = (DEPLOY_FOLDER / name).read_text(encoding="utf-8")

    assert written == DEPLOY[name](), "run scripts/reference"


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_types_of_a_client_are_current(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")

    assert written == TYPES[name](), "run scripts/reference"


def test_no_reference_page_is_left_over() -> None:
    assert {page.name for page in FOLDER.glob("*.md")} == set(REFERENCE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


def test_who_is_told_to_install_is_told_from_where() -> None:
    told = [page for page in PAGES if _INSTALLS.search(page.read_text(encoding="utf-8"))]
    assert len(told) > 5
    for page in told:
        text = page.read_text(encoding="utf-8")
        assert page.name == "installing.md" or "installing.md)" in text, page


def test_tests_that_are_named_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+\.py)::(test_\w+)`|, `(test_\w+)`", text)
    missing = [
        (file, test)
        for file, test, _ in named
        if file and f"def {test}(" not in _test_module(file).read_text(encoding="utf-8")
    ]

    assert len(named) > 10
    assert missing == []


def _test_module(name: str) -> Path:
    return next((ROOT / "tests").rglob(name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_compiles(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block.code, str(block), "exec")


@pytest.mark.timeout(TYPES_MAX_S + 60)
def test_named_programs_pass_the_type_checker(tmp_path: Path) -> None:
    together, apart = tmp_path / "together", []
    for page in PAGES:
        if files := files_of(page):
            name = re.sub(r"\W", "_", page.relative_to(ROOT).as_posix())
            if _import_each_other(files):
                apart.append(write(tmp_path / name, files))
            else:
                write(together / name, files)

    assert len(list(together.iterdir())) >= 5
    for folder in (together, *apart):
        report = _check_types(folder)
        assert "Success" in report, report


def _import_each_other(files: Mapping[str, str]) -> bool:
    names = "|".join(name.removesuffix(".py") for name in files)
    return any(re.search(rf"^(?:from|import) (?:{names})\b", code, re.M) for code in files.values())


def _check_types(folder: Path) -> str:
    """What mypy says of the programs below a folder; those right in it can import each other."""
    checker = [*PYTHON, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    options = ["--cache-dir", str(ROOT / ".mypy_cache"), "--explicit-package-bases"]
    files = [str(file) for file in sorted(folder.rglob("*.py"))]
    command, variables = [*checker, *options, *files], {"MYPYPATH": str(folder)}
    _, out, errors = asyncio.run(run(command, folder, variables, max_s=TYPES_MAX_S))
    return out + errors


# --- programs ---------------------------------------------------------------------------------


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Make a folder with these files in it."""
    folder.mkdir(parents=True)
    for name, code in files.items():
        (folder / name).write_text(code, encoding="utf-8")
    return folder


async def run(
    command: list[str], folder: Path, variables: Mapping[str, str], *, max_s: float = WAIT_S
) -> tuple[int, str, str]:
    """Run a program in a folder to its end: status, output, errors."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment(**variables), stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(max_s):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), errors.decode()


@asynccontextmanager
async def serving(command: list[str], folder: Path) -> AsyncIterator[str]:
    """A server that says its address when it listens; its port, until the block is left."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment(THREADCAST_JWT_SECRET=SECRET),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(WAIT_S):
            while not (port := re.search(r"http://127\.0\.0\.1:(\d+)", "".join(said[-1:]))):
                line = await process.stdout.readline()
                assert line, "".join(said)
                said.append(line.decode())
        reading = asyncio.create_task(process.stdout.read())
        try:
            yield port[1]
        finally:
            process.terminate()
            async with asyncio.timeout(WAIT_S):
                await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def token(folder: Path, user_id: str = "alice", *, scope: str | None = None) -> str:
    """What the pages tell a reader to do for a token."""
    options = [] if scope is None else [f"--scope={scope}"]
    command = [*THREADCAST, "token", user_id, *options]
    status, out, errors = await run(command, folder, {"THREADCAST_JWT_SECRET": SECRET})
    assert status == 0, errors
    return out.strip()


async def client(
    folder: Path, name: str, port: str, told_port: str, *, scope: str | None = None
) -> str:
    """Run a client program of a page against a server on another port than the page's."""
    path = folder / name
    path.write_text(path.read_text().replace(f"127.0.0.1:{told_port}", f"127.0.0.1:{port}"))
    variables = {"THREADCAST_TOKEN": await token(folder, scope=scope)}
    status, out, errors = await run([*PYTHON, name], folder, variables)
    assert status == 0, errors
    return out


async def test_the_program_of_the_readme_runs(tmp_path: Path) -> None:
    folder = write(tmp_path / "readme", files_of(ROOT / "README.md"))

    async with serving([*UVICORN, "app:app"], folder) as port:
        out = await client(folder, "client.py", port, "8000")

    assert out.strip() == "the journal is the only truth"


async def test_the_tutorial_runs(tmp_path: Path) -> None:
    folder = write(tmp_path / "tutorial", files_of(ROOT / "docs" / "tutorial.md"))
    serve = [*THREADCAST, "serve", "--dev", "--agent", "support:support", "--port", "0"]

    async with serving(serve, folder) as port:
        out = await client(folder, "ask.py", port, "8080")

    lines = out.splitlines()
    assert lines[-1] == "Order 1002 is waiting for payment."
    seen = [line.split()[1] for line in lines[:-1]]
    assert seen[:8] == [
        "message_created",
        "agent_started",
        "agent_thinking",
        "input_requested",
        "input_received",
        "tool_executing",
        "tool_completed",
        "agent_delta",
    ]
    assert seen[-1] == "agent_completed"


@pytest.mark.parametrize(
    ("page", "application"),
    [
        ("tutorial.md", "app:app"),
        ("guides/mounting.md", "in_fastapi:app"),
        ("guides/mounting.md", "in_starlette:app"),
    ],
)
async def test_a_mounted_server_answers(tmp_path: Path, page: str, application: str) -> None:
    folder = write(tmp_path / "mounted", files_of(ROOT / "docs" / page))
    write(tmp_path / "guide", files_of(ROOT / "docs" / "guides" / "authentication.md"))

    async with serving([*UVICORN, application], folder) as port:
        (folder / "ping.py").write_text((tmp_path / "guide" / "renewing.py").read_text())
        out = await client(folder, "ping.py", f"{port}/chat", "8080")

    assert out.startswith("server time 1") or out.startswith("server time 2")


async def test_the_agents_of_the_guide_answer(tmp_path: Path) -> None:
    folder = write(tmp_path / "agents", files_of(ROOT / "docs" / "guides" / "agents.md"))
    places = [
        "answers:returns",
        "answers:yields",
        "answers:streams",
        "tools:weather",
        "approval:approval",
        "importing:importing",
        "importing:payment",
    ]
    (folder / "all_of_them.py").write_text(_ASK_EVERY_AGENT)
    serve = [*THREADCAST, "serve", "--port", "0"]

    async with serving([*serve, *(f"--agent={place}" for place in places)], folder) as port:
        out = await client(folder, "all_of_them.py", port, "8080")

    assert out.splitlines() == [
        "You wrote 10 characters.",
        "What a day ",
        "What a day ",
        "21 degrees in What a day",
        "Deleted.",
        "3 steps done",
        "paid",
    ]


_ASK_EVERY_AGENT = """
import asyncio, os
from threadcast import Event, connect

NAMES = "returns yields streams weather approval import payment".split()

async def main():
    async with connect("http://127.0.0.1:8080", os.environ["THREADCAST_TOKEN"]) as client:
        for name in NAMES:
            sent = await client.send_message("What a day", agent=name)
            async for item in client:
                assert isinstance(item, Event)
                if item.event_type == "input_requested":
                    await client.respond(item.run_id, item.data["input_id"], True)
                assert item.event_type != "agent_failed", item
                if item.event_type == "agent_completed" and item.run_id == sent.run_id:
                    print(item.data["content"])
                    break

asyncio.run(main())
"""


async def test_the_clients_of_the_guide_run(tmp_path: Path) -> None:
    folder = write(tmp_path / "clients", files_of(ROOT / "docs" / "guides" / "client.md"))
    write(folder / "readme", files_of(ROOT / "README.md"))
    for name in ("app.py", "client.py"):
        (folder / name).write_text((folder / "readme" / name).read_text())

    async with serving([*UVICORN, "app:app"], folder) as port:
        await client(folder, "client.py", port, "8000")
        followed = await client(folder, "follow.py", f"{port}/chat", "8080")
        first = await client(folder, "resume.py", f"{port}/chat", "8080")
        await client(folder, "client.py", port, "8000")
        again = await client(folder, "resume.py", f"{port}/chat", "8080")

    assert followed.rstrip().endswith("the journal is the only truth")
    assert first.split()[:2] == ["1", "thread_created"]
    assert again.split()[1] == "thread_created"
    assert int(again.split()[0]) == int(first.splitlines()[-1].split()[0]) + 1


async def test_a_token_made_as_the_guide_says_is_accepted(tmp_path: Path) -> None:
    page = ROOT / "docs" / "guides" / "authentication.md"
    folder = write(tmp_path / "tokens", files_of(page))
    variables = {"THREADCAST_JWT_SECRET": SECRET}
    _, made, _ = await run([*PYTHON, "mint.py"], folder, variables)

    async with serving([*THREADCAST, "serve", "--port", "0"], folder) as port:
        code = (folder / "renewing.py").read_text().replace(":8080", f":{port}")
        (folder / "renewing.py").write_text(code)
        status, out, errors = await run(
            [*PYTHON, "renewing.py"], folder, {"THREADCAST_TOKEN": made.strip()}
        )

    assert (status, errors) == (0, "")
    assert out.startswith("server time")


async def test_the_export_of_the_guide_is_ingested_once(tmp_path: Path) -> None:
    page = ROOT / "docs" / "guides" / "ingesting-events.md"
    folder = write(tmp_path / "ingest", files_of(page))

    async with serving([*THREADCAST, "serve", "--port", "0"], folder) as port:
        first = await client(folder, "send.py", port, "8080", scope="ingest")
        again = await client(folder, "send.py", port, "8080", scope="ingest")

    assert first.splitlines() == [f"{at} stored {at + 1}" for at in range(5)]
    assert again.splitlines() == [f"{at} duplicate {at + 1}" for at in range(5)]


async def test_the_drift_of_the_guide_is_seen(tmp_path: Path) -> None:
    page = ROOT / "docs" / "guides" / "consistency.md"
    folder = write(tmp_path / "consistency", files_of(page))
    status, out, errors = await run([*PYTHON, "drift.py"], folder, {})

    assert (status, errors) == (0, "")
    told = out.split("VIOLATIONS")[1].splitlines()
    assert told[1].split()[:2] == ["CRITICAL", "cleanup_missed"]
    assert "score 66.7 = 100 x (3 snapshots - 1 violation) / 3" in out
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_a_signature_is_checked_as_the_guide_says() -> None:
    names: dict[str, Any] = {}
    exec(files_of(ROOT / "docs" / "guides" / "alerts.md")["check_alert.py"], names)
    now, body = int(time.time()), b'{"version":1}'

    def is_ours(sent_at: int, received: bytes) -> bool:
        headers = {
            "webhook-id": "alert_1",
            "webhook-timestamp": str(sent_at),
            "webhook-signature": signature(SECRET, "alert_1", sent_at, body),
        }
        return bool(names["is_ours"](SECRET, headers, received))

    assert is_ours(now, body)
    assert not is_ours(now, b'{"version":2}')
    assert not is_ours(now - 301, body)


async def test_a_backup_made_as_the_guide_says_is_a_database(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    command = "threadcast backup copy.db"
    assert command in (ROOT / "docs" / "guides" / "operations.md").read_text()

    async with serving([*THREADCAST, "serve", "--port", "0"], folder):
        status, _, errors = await run([*THREADCAST, *command.split()[1:]], folder, {})
    doctor = [*THREADCAST, "doctor", "--database", "sqlite:///copy.db"]
    _, said, _ = await run(doctor, folder, {"THREADCAST_JWT_SECRET": SECRET})

    assert (status, errors) == (0, "")
    assert "copy.db" in said
    assert "(will be made)" not in said

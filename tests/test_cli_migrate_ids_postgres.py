"""`threadcast migrate-ids` on PostgreSQL: the same as on a file, with servers stopped."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from postgres_scene import postgres_scene
from postgres_server import NEWEST, PASSWORD, PostgresServer, PostgresServers
from program import COMMAND
from store_contract_places import Cluster
from store_scene import Scene, context_of
from test_cli_migrate import said
from threadcast.clock import SystemClock
from threadcast.store.postgres import PostgresStore

COUNT = 120


@pytest.fixture
def server(postgres_servers: PostgresServers, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    monkeypatch.setenv("COLUMNS", "400")
    return postgres_servers.of(NEWEST)


@pytest.fixture
def url(server: PostgresServer, capsys: pytest.CaptureFixture[str]) -> str:
    url = asyncio.run(server.new_schema())
    assert said(capsys, "migrate", "--database", url)[0] == 0
    return url


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "old.jsonl"
    rows = [
        {
            "thread_id": f"websocket_factory_{1757361062151 + number}",
            "user_id": f"user-{number % 7}",
            "messages": [{"role": "user", "content": f"question {number}"}],
        }
        for number in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def _threads(url: str) -> set[str]:
    store = PostgresStore(url, clock=SystemClock())
    await store.open()
    try:
        found: set[str] = set()
        for number in range(7):
            async with Scene(store).session(f"user-{number}") as session:
                found |= {row.thread_id for row in await session.threads(limit=99, before=None)}
        return found
    finally:
        await store.close()


def test_dry_run_apply_again_and_undo(
    url: str, dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = ("migrate-ids", "--database", url)
    report = tmp_path / "report.jsonl"
    options = ("--from", str(dump), "--batch", "50", "--report", str(report))
    status, text = said(capsys, *database, *options, "--dry-run")
    assert (status, f"migrated           {COUNT}" in text, "dry run" in text) == (0, True, True)
    planned = report.read_text()
    assert asyncio.run(_threads(url)) == set()
    assert said(capsys, *database, *options)[0] == 0
    done = [json.loads(line) for line in report.read_text().splitlines()]
    assert [json.loads(line) for line in planned.splitlines()][:COUNT] == done[:COUNT]
    threads = asyncio.run(_threads(url))
    assert threads == {line["thread_id"] for line in done[:COUNT]}
    status, text = said(capsys, *database, *options)
    assert (status, f"migrated before    {COUNT}" in text) == (0, True)
    status, text = said(capsys, *database, "--status")
    assert (status, "0 days ago" in text) == (0, True)
    assert f"undone   {COUNT}" in said(capsys, *database, "--undo", "--dry-run")[1]
    assert asyncio.run(_threads(url)) == threads
    assert said(capsys, *database, "--undo", "--batch", "50")[0] == 0
    assert asyncio.run(_threads(url)) == set()


async def test_a_kill_between_two_batches_is_made_good_by_starting_again(
    server: PostgresServer, dump: Path
) -> None:
    """Killed by the database: its backends end in the middle of the work."""
    async with postgres_scene(server) as scene:
        await (await scene.store()).close()
        program = await asyncio.create_subprocess_exec(
            *_command("--database", scene.url, "--from", str(dump), "--batch", "1"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(60.0):
            while not (await scene.run("SELECT count(*) FROM threads WHERE $1", True))[0][0]:
                assert program.returncode is None
        program.kill()
        await program.wait()
        left = (await scene.run("SELECT count(*) FROM threads WHERE $1", True))[0][0]
        assert 0 < left < COUNT
        again = await asyncio.create_subprocess_exec(
            *_command("--database", scene.url, "--from", str(dump)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said_then, _ = await again.communicate()
        assert again.returncode == 0, said_then
        assert len(await _threads(scene.url)) == COUNT


async def test_d4_nodes_at_work_are_73(server: PostgresServer, dump: Path) -> None:
    async with postgres_scene(server) as scene:
        node = await scene.node()
        await node.thread("ann")
        await Cluster(node.store).register("node-1")
        program = await asyncio.create_subprocess_exec(
            *_command("--database", scene.url, "--from", str(dump), "--dry-run"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        text = (await program.communicate())[0].decode()
        assert program.returncode == 73
        assert "at work on it; stop them first" in text
        assert PASSWORD not in text
        await node.send(context_of("ann"))


def _command(*options: str) -> tuple[str, ...]:
    return (*COMMAND, "migrate-ids", *options)

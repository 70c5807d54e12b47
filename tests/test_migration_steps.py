"""Whole migrations of a store: batches, renaming in place, killed half-way, rehearsed, undone."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from program import environment, in_terminal
from server_process import serving
from store_contract_migration import LEGACY, dumped
from store_scene import NOW, Scene, context_of
from threadcast import migrate_legacy_thread_id
from threadcast.cli import exits, main
from threadcast.cli.migrate_output import Progress
from threadcast.migration.dump import Refused
from threadcast.migration.report import Report
from threadcast.migration.steps import Migration
from threadcast.store.schema_steps import load_steps
from threadcast.store.sqlite import SqliteStore
from threadcast.store.sqlite.schema import migrate as bring_to
from threadcast.store.units import CreateThread
from threadcast.testing.clock import ManualClock


def rows(count: int, *, users: int = 7) -> Iterator[dict[str, Any]]:
    """Threads of a dump, every third with a message and an answer."""
    for number in range(count):
        row: dict[str, Any] = {
            "thread_id": f"websocket_factory_{1_757_361_062_151 + number}",
            "user_id": f"u-{number % users}",
            "title": f"chat {number}",
            "created_at": 1_757_361_062 + number,
        }
        if number % 3 == 0:
            row["messages"] = [
                {"role": "user", "content": f"question {number}"},
                {"role": "assistant", "content": f"answer {number}"},
            ]
        yield row


def write_dump(path: Path, count: int) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(count)))
    return path


def migrate(database: Path, *options: str) -> int:
    return main(["migrate-ids", "--database", f"sqlite:///{database}", *options])


def content_of(database: Path) -> dict[str, list[Any]]:
    """All that a database holds, without what differs from run to run: times and feeds."""
    queries = {
        "users": "SELECT user_id, head FROM users",
        "threads": "SELECT u.user_id, t.thread_id, t.title, t.first_seq, t.last_seq, t.created_us"
        " FROM threads t JOIN users u ON u.user = t.user",
        "aliases": "SELECT u.user_id, a.legacy_id, t.thread_id, a.known FROM thread_aliases a"
        " JOIN users u ON u.user = a.user JOIN threads t ON t.thread = a.thread",
        "events": "SELECT u.user_id, e.seq, e.type, e.data, r.run_id, t.thread_id FROM events e"
        " JOIN users u ON u.user = e.user LEFT JOIN runs r ON r.run = e.run"
        " LEFT JOIN threads t ON t.thread = e.thread",
        "runs": "SELECT run_id, status, message_seq, ended_seq FROM runs",
        "sends": "SELECT client_message_id, run FROM sends",
        "migrated": "SELECT thread, origin, last_seq, legacy_id FROM migrated_threads",
        "words": "SELECT count(*) FROM message_words",
    }
    with closing(apsw.Connection(str(database))) as connection:
        return {name: sorted(connection.execute(sql), key=repr) for name, sql in queries.items()}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("THREADCAST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


# --- importing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", ["old.jsonl", "a.db", "a.db-wal", "link", "./old.jsonl"])
def test_the_report_is_never_written_over_what_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], taken: str
) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 3)
    os.link(dump, tmp_path / "link")
    assert migrate(tmp_path / "a.db", "--from", "old.jsonl") == 0
    before = (dump.read_bytes(), (tmp_path / "a.db").read_bytes())
    for options in (("--from", "old.jsonl"), ("--from", str(dump), "--dry-run")):
        assert migrate(tmp_path / "a.db", *options, "--report", taken) == exits.USAGE
        assert "--report: expected a file of its own" in capsys.readouterr().err
    assert (dump.read_bytes(), (tmp_path / "a.db").read_bytes()) == before


@pytest.mark.parametrize(
    "content", ["thread_id,user_id\n", '{"thread_id": 1}\n', "[1]\n", "[" * 9_999]
)
def test_a_report_replaces_only_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 3)
    other = tmp_path / "precious"
    other.write_text(content)
    asked = ("--from", str(dump), "--report", str(other))
    assert migrate(tmp_path / "a.db", *asked) == exits.USAGE
    assert "expected a new file or an earlier report" in capsys.readouterr().err
    assert other.read_text() == content

    other.write_text("")
    assert migrate(tmp_path / "a.db", *asked) == 0
    first = other.read_bytes()
    assert migrate(tmp_path / "a.db", *asked) == 0
    assert b"already" in other.read_bytes() != first


def test_a_report_stays_when_nothing_could_be_told(tmp_path: Path) -> None:
    dump, report = write_dump(tmp_path / "old.jsonl", 3), tmp_path / "report.jsonl"
    assert migrate(tmp_path / "a.db", "--from", str(dump), "--report", str(report)) == 0
    before = report.read_bytes()
    (tmp_path / "bad.csv").write_text("no header\n")
    asked = ("--from", str(tmp_path / "bad.csv"), "--report", str(report))
    assert migrate(tmp_path / "a.db", *asked) == exits.USAGE
    assert report.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob(".report*")) == []


def test_a_second_row_of_one_thread_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "old.jsonl"
    rows = [
        {"thread_id": 42, "user_id": "ann", "title": 7},
        {"thread_id": 42, "user_id": "ann", "title": "one"},
        {"thread_id": "42", "user_id": "bob", "title": "another's"},
        {"thread_id": "42", "user_id": "ann", "title": "two"},
    ]
    dump.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for batch in ("1", "100"):  # again, and in one batch: it is told each time
        assert migrate(tmp_path / "a.db", "--from", str(dump), "--batch", batch) == 1
        out, err = capsys.readouterr()
        assert "line 4: refused: duplicate of line 2: expected one row for each thread" in err
        assert "refused            2" in out
    titles = [row[2] for row in content_of(tmp_path / "a.db")["threads"]]
    assert titles == ["one", "another's"]


def test_a_dump_is_imported_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 25)
    report = tmp_path / "report.jsonl"
    assert (
        migrate(tmp_path / "a.db", "--from", str(dump), "--batch", "4", "--report", str(report))
        == 0
    )
    out = capsys.readouterr().out
    assert [line.split() for line in out.splitlines()] == [
        ["threads", "number"],
        ["migrated", "25"],
        ["migrated", "before", "0"],
        ["with", "a", "current", "id", "0"],
        ["refused", "0"],
    ]
    *told, last = map(json.loads, report.read_text().splitlines())
    assert last == {"summary": {"migrated": 25}, "dry_run": False}
    assert told[0] == {
        "outcome": "migrated",
        "line": 1,
        "user_id": "u-0",
        "legacy_id": LEGACY,
        "thread_id": migrate_legacy_thread_id(LEGACY, "u-0"),
    }
    assert [one["line"] for one in told] == list(range(1, 26))
    assert report.stat().st_mode & 0o777 == 0o600


def test_importing_again_passes_over_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 25)
    migrate(tmp_path / "a.db", "--from", str(dump))
    before = content_of(tmp_path / "a.db")
    capsys.readouterr()
    assert migrate(tmp_path / "a.db", "--from", str(dump)) == 0
    assert "migrated before    25" in capsys.readouterr().out
    assert content_of(tmp_path / "a.db") == before


def test_the_same_dump_as_csv_and_in_batches_of_any_size_is_the_same(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 25)
    with (tmp_path / "old.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["messages", "user_id", "thread_id", "created_at", "title"])
        writer.writeheader()
        for row in rows(25):
            messages = {"messages": json.dumps(row["messages"])} if "messages" in row else {}
            writer.writerow(row | messages)
    migrate(tmp_path / "a.db", "--from", str(dump))
    migrate(tmp_path / "b.db", "--from", str(tmp_path / "old.csv"), "--batch", "3")
    assert content_of(tmp_path / "a.db") == content_of(tmp_path / "b.db")


def test_refused_rows_are_named_and_the_status_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "old.jsonl"
    bad = ['{"thread_id": "\\u001b[31m", "user_id": "ann"}', "no JSON"] * 20
    dump.write_text("\n".join([*bad, json.dumps(next(rows(1)))]))
    report = tmp_path / "report.jsonl"
    assert migrate(tmp_path / "a.db", "--from", str(dump), "--report", str(report)) == 1
    captured = capsys.readouterr()
    assert "refused            40" in captured.out
    assert "migrated           1\n" in captured.out
    lines = captured.err.splitlines()
    assert lines[0].startswith("line 1: refused: legacy_id: expected printable text, got U+001B")
    assert lines[20:] == [
        "and 20 more; --report FILE has all of them",
        "threadcast: 40 threads were left as they are",
    ]
    assert "\x1b" not in captured.err
    assert len(report.read_text().splitlines()) == 42


DOOMED = """
import asyncio, os, signal, sys
from threadcast.clock import SystemClock
from threadcast.migration.dump import read_dump
from threadcast.migration.lines import BoundedLines
from threadcast.migration.report import Report
from threadcast.migration.steps import Migration
from threadcast.store.sqlite import SqliteStore

database, dump, last = sys.argv[1], sys.argv[2], int(sys.argv[3])

def die_at(done):
    if done == last:
        os.kill(os.getpid(), signal.SIGKILL)

async def work():
    store = SqliteStore(database, clock=SystemClock())
    await store.open()
    steps = Migration(store, SystemClock(), Report(), batch_threads=40, on_progress=die_at)
    with open(dump, "rb") as file:
        await steps.import_rows(read_dump(BoundedLines(file), "jsonl"))

asyncio.run(work())
"""


@pytest.mark.parametrize("batches", [1, 2, 5, 9])
def test_killed_half_way_and_started_again_it_is_as_if_undisturbed(
    tmp_path: Path, batches: int
) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 400)
    database = tmp_path / "a.db"
    done = subprocess.run(
        [sys.executable, "-c", DOOMED, str(database), str(dump), str(40 * batches)],
        env=environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(content_of(database)["threads"]) == 40 * batches
    assert migrate(database, "--from", str(dump)) == 0
    assert migrate(tmp_path / "b.db", "--from", str(dump)) == 0
    assert content_of(database) == content_of(tmp_path / "b.db")


# --- rehearsing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("there_before", [False, True])
def test_a_dry_run_says_the_same_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there_before: bool
) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 25)
    dump.write_text(dump.read_text() * 2 + "no JSON\n")
    database = tmp_path / "a.db"
    if there_before:
        migrate(database, "--from", str(write_dump(tmp_path / "part.jsonl", 5)))
    before = database.read_bytes() if there_before else b""
    capsys.readouterr()
    assert migrate(database, "--from", str(dump), "--dry-run", "--batch", "10") == 1
    rehearsed = capsys.readouterr().out
    assert (database.read_bytes() if database.exists() else b"") == before
    assert migrate(database, "--from", str(dump)) == 1
    done = capsys.readouterr().out
    assert rehearsed == done + "This was a dry run: nothing was written.\n"
    before = database.read_bytes()
    assert migrate(database, "--undo", "--dry-run") == 0
    assert database.read_bytes() == before


def test_a_dry_run_leaves_an_older_schema_as_it_is(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    _older_database(database)
    before = database.read_bytes()
    assert migrate(database, "--dry-run") == 0
    assert database.read_bytes() == before
    assert migrate(database) == 0
    with closing(apsw.Connection(str(database))) as connection:
        assert connection.pragma("user_version") == load_steps("sqlite")[-1].version


def _older_database(path: Path) -> None:
    """A database of the first schema."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("journal_mode", "wal")
        bring_to(connection, load_steps("sqlite")[:1])
        connection.execute("INSERT INTO users (user_id, feed) VALUES ('ann', 'feed_x')")


# --- renaming in place ----------------------------------------------------------------------------


async def _with_raw_ids(path: Path, *legacy_ids: str) -> None:
    """Threads of ann whose ids are older ones, as another program may have written them."""
    store = SqliteStore(path, clock=ManualClock(NOW))
    await store.open()
    scene = Scene(store)
    contexts = [context_of("ann") for _ in legacy_ids]
    for context in contexts:
        await scene.committed(CreateThread(context, "kept", {}))
    await scene.thread("bob", "present")
    await store.close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.executemany(
            "UPDATE threads SET thread_id = ? WHERE thread_id = ?",
            [(old, one.thread_id) for old, one in zip(legacy_ids, contexts, strict=True)],
        )


async def _renamed(path: Path, *, undo: bool = False) -> Report:
    store = SqliteStore(path, clock=ManualClock(NOW))
    await store.open()
    report = Report()
    steps = Migration(
        store, ManualClock(NOW), report, batch_threads=2, on_progress=lambda _done: None
    )
    await (steps.undo() if undo else steps.rename())
    await store.close()
    return report


async def test_threads_with_older_ids_are_renamed_and_go_on_to_resolve(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await _with_raw_ids(path, LEGACY, "42", "a\nb")
    with closing(apsw.Connection(str(path))) as connection:  # an alias that no migration gives
        connection.execute(
            "INSERT INTO thread_aliases (user, legacy_id, thread)"
            " SELECT user, 'session_1757361062151', thread FROM threads WHERE thread_id = '42'"
        )
    before = content_of(path)
    feeds = _feeds(path)
    report = await _renamed(path)
    assert report.counts == {"migrated": 2, "canonical": 1, "refused": 1}
    assert (await _renamed(path)).counts == {"canonical": 3, "refused": 1}
    store = SqliteStore(path, clock=ManualClock(NOW))
    await store.open()
    async with Scene(store).session("ann") as session:
        for legacy_id in (LEGACY, "42"):
            thread = await session.thread(legacy_id)
            assert thread is not None
            assert thread.thread_id == migrate_legacy_thread_id(legacy_id, "ann")
            assert thread.title == "kept"
    assert store.has_plain_aliases
    await store.close()
    now = _feeds(path)
    assert (now["ann"] == feeds["ann"], now["bob"] == feeds["bob"]) == (False, True)
    assert (await _renamed(path, undo=True)).counts == {"undone": 2}
    assert content_of(path) == before


def _feeds(path: Path) -> dict[str, str]:
    with closing(apsw.Connection(str(path))) as connection:
        rows = connection.execute("SELECT user_id, feed FROM users").fetchall()
    return {str(user_id): str(feed) for user_id, feed in rows}


async def test_an_import_of_an_id_that_is_there_unmigrated_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await _with_raw_ids(path, "42")
    store = SqliteStore(path, clock=ManualClock(NOW))
    await store.open()
    report = Report()
    steps = Migration(
        store, ManualClock(NOW), report, batch_threads=10, on_progress=lambda _done: None
    )
    await steps.import_rows([(1, dumped("42")), (2, dumped("43")), (3, Refused("bad"))])
    await store.close()
    assert report.counts == {"refused": 2, "migrated": 1}


# --- undoing, asking, and what goes wrong ---------------------------------------------------------


async def test_undo_keeps_what_was_touched_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.db"
    store = SqliteStore(path, clock=ManualClock(NOW))
    await store.open()
    await Scene(store).thread("u-0", "own")
    await store.close()
    before = content_of(path)
    dump = write_dump(tmp_path / "old.jsonl", 5)
    assert await _in_thread(path, "--from", str(dump)) == 0
    thread_id = migrate_legacy_thread_id(LEGACY, "u-0")
    store = SqliteStore(path, clock=ManualClock(NOW))
    await store.open()
    await Scene(store).send(context_of("u-0", thread_id), new_thread=False)
    await store.close()
    capsys.readouterr()
    assert await _in_thread(path, "--undo") == 1
    captured = capsys.readouterr()
    assert f"{thread_id}: kept: it has changed since it was migrated" in captured.err
    assert [line.split() for line in captured.out.splitlines()[1:]] == [
        ["undone", "4"],
        ["kept", "1"],
    ]
    after = content_of(path)
    assert [row[1] for row in after["threads"] if row not in before["threads"]] == [thread_id]
    assert [row[0] for row in after["users"]] == ["u-0"]


async def _in_thread(path: Path, *options: str) -> int:
    return await asyncio.to_thread(migrate, path, *options)


def test_a_report_can_be_kept_without_a_file() -> None:
    report = Report()
    report.add_unchanged(3)
    report.close(dry_run=False)
    assert (report.counts, report.troubles) == ({"canonical": 3}, 0)


async def test_d4_a_running_server_is_73_and_can_be_asked(tmp_path: Path) -> None:
    async with serving(tmp_path, agents="promise_agents:quick") as server:
        assert await _in_thread(server.database) == exits.CANNOT_CREATE
        assert await _in_thread(server.database, "--dry-run") == exits.CANNOT_CREATE
        assert await _in_thread(server.database, "--status") == 0


def test_a_report_is_written_where_it_can_be(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 1)
    missing = tmp_path / "nowhere" / "report.jsonl"
    assert migrate(tmp_path / "a.db", "--from", str(dump), "--report", str(missing)) == 73
    assert not (tmp_path / "a.db").exists()


def test_the_status_says_how_old_the_youngest_alias_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 1)
    assert migrate(tmp_path / "a.db", "--from", str(dump)) == 0
    for made_us, shown in (
        (None, r"unknown"),
        (0, r"1970-01-01T00:00:00Z, \d\d,\d{3} days ago"),
        ("made_us", r"20\d\d-\d\d-\d\dT[\d:]{8}Z, 0 days ago"),
    ):
        copy = tmp_path / "b.db"
        copy.write_bytes((tmp_path / "a.db").read_bytes())
        with closing(apsw.Connection(str(copy))) as connection:
            set_to = made_us if isinstance(made_us, str) else json.dumps(made_us)
            connection.execute(f"UPDATE thread_aliases SET made_us = {set_to}")
        capsys.readouterr()
        assert migrate(copy, "--status") == 0
        assert re.search(rf"^migrated last +{shown}$", capsys.readouterr().out, re.MULTILINE)


def test_the_status_of_what_is_no_database_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 9)
    assert migrate(dump, "--status") == exits.CONFIGURATION
    assert "old.jsonl is not a SQLite database" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--undo", "--from", "x.csv"], 64, "--undo: expected no --from"),
        (["--status", "--undo"], 64, "--status: expected no other option"),
        (["--from", "x.txt"], 64, "--from: expected a file that ends in one of .csv"),
        (["--from", "missing.csv"], 73, "missing.csv: No such file"),
        (["--from", "wrong.csv"], 64, "wrong.csv: expected a header that names thread_id"),
        (["--batch", "0"], 64, "0 is not in the range"),
        ([], 78, "cannot open"),
        (["--undo"], 78, "cannot open"),
        (["--dry-run"], 78, "cannot open"),
        (["--status"], 78, "there is no such database"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    options: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "wrong.csv").write_text("id;user\n")
    assert migrate(tmp_path / "a.db", *options) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_progress_is_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(1_000) as progress:
        for done in range(0, 250_001, 50_000):
            progress.show(done, done // 1_000)
    assert capsys.readouterr().err == "100,000 threads\n200,000 threads\n"


async def test_progress_is_a_bar_on_a_terminal(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 25)
    database = f"sqlite:///{tmp_path / 'a.db'}"
    options = ("--database", database, "--from", str(dump), "--batch", "5")
    async with in_terminal("migrate-ids", *options) as terminal:
        await terminal.until("migrated           25")
        assert await terminal.ended() == 0
    assert "25 threads  [####################################]  100%" in terminal.shown


async def test_a_refused_thread_has_a_line_beside_the_bar(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "old.jsonl", 2)
    with dump.open("a", encoding="utf-8") as file:
        file.write('{"thread_id": "session_1757361062151"}\n')
    options = ("--database", f"sqlite:///{tmp_path / 'a.db'}", "--from", str(dump))
    async with in_terminal("migrate-ids", *options) as terminal:
        await terminal.until("refused            1")
        assert await terminal.ended() == 1
    assert "\r\x1b[Kline 3: refused: object missing required field user_id\n" in terminal.shown


def test_the_report_is_json_lines() -> None:
    file = io.BytesIO()
    report = Report(file)
    report.add_unchanged(2)
    report.close(dry_run=True)
    assert json.loads(file.getvalue()) == {"summary": {"canonical": 2}, "dry_run": True}

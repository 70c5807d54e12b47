"""Files that cannot be used, disks that fail: one honest line, or one honest outcome."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from faulty_vfs import FaultyVfs
from patience import WAIT_S
from store_scene import NOW, Scene, context_of, delta, message
from threadcast.errors import ConfigurationError, OutcomeUnknown, StoreInUse, ThreadcastError
from threadcast.store import Store
from threadcast.store.schema_steps import SchemaStep, load_steps
from threadcast.store.sqlite import SqliteStore
from threadcast.store.sqlite.backup import back_up
from threadcast.store.sqlite.paced_vfs import PIECE_BYTES, PacedVfs
from threadcast.store.sqlite.schema import migrate
from threadcast.store.units import AppendToRun
from threadcast.testing.clock import ManualClock

CLOCK = ManualClock(NOW)
_NOBODY = 65_534


def content_of(path: Path) -> bytes | None:
    """The bytes of a file, if it is one."""
    return path.read_bytes() if path.is_file() else None


def is_healthy(store: Store) -> bool:
    """Ask, because the answer changes."""
    return store.healthy


async def refusal(path: Path, *, create: bool = True) -> str:
    """Why this file cannot be opened; the file must be left as it is."""
    before = content_of(path)
    with pytest.raises(ConfigurationError) as caught:
        await SqliteStore(path, clock=CLOCK, create=create).open()
    assert content_of(path) == before
    text = str(caught.value)
    assert "\n" not in text
    return text


async def filled(path: Path) -> None:
    """A database with some events in it, closed."""
    store = SqliteStore(path, clock=CLOCK)
    await store.open()
    scene = Scene(store)
    claimed = await scene.running("ann")
    await scene.committed(AppendToRun(claimed.lease, [delta("x" * 500)] * 200))
    await store.close()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write everywhere: be nobody for a while."""
    user_id = os.geteuid()
    if user_id == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user_id)


class TestOpening:
    async def test_d1_no_folder(self, tmp_path: Path) -> None:
        text = await refusal(tmp_path / "nowhere" / "a.db")
        assert "no such file or directory" in text
        assert "set database_url" in text

    async def test_d1_no_file(self, tmp_path: Path) -> None:
        assert "no such file" in await refusal(tmp_path / "a.db", create=False)
        assert os.listdir(tmp_path) == []

    async def test_d1_a_folder(self, tmp_path: Path) -> None:
        assert "is a directory" in await refusal(tmp_path)

    @pytest.mark.skipif(not Path("/proc").is_mount(), reason="needs /proc")
    async def test_d1_a_place_that_cannot_be_written(self) -> None:
        assert "cannot open /proc/a.db: " in await refusal(Path("/proc/a.db"))

    async def test_d1_no_permission(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        await filled(path)
        path.chmod(0o400)
        with unprivileged(), pytest.raises(ConfigurationError, match="permission denied"):
            await SqliteStore(path, clock=CLOCK).open()

    @pytest.mark.parametrize(
        "content", [b"hello, this is a text file\n" * 50, b"SQLite", b"\0" * 99]
    )
    async def test_d2_not_a_database(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.db"
        path.write_bytes(content)
        assert "is not a SQLite database; nothing was changed" in await refusal(path)

    async def test_d2_a_database_of_another_program(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        connection = apsw.Connection(str(path))
        connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        assert "is a database of another program" in await refusal(path)

    async def test_d2_a_file_that_was_cut(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        await filled(path)
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(size - 3 * 4_096)
        pages = size // 4_096
        text = await refusal(path)
        assert f"integrity check failed (page {pages - 2} of {pages} is missing)" in text
        assert "restore from backup" in text

    @pytest.mark.parametrize("page", [1, 2, 7, 30])
    async def test_d2_a_page_of_noise(self, tmp_path: Path, page: int) -> None:
        path = tmp_path / "a.db"
        await filled(path)
        start = 100 if page == 1 else (page - 1) * 4_096
        with path.open("r+b") as file:
            file.seek(start)
            file.write(b"\xa5" * (page * 4_096 - start))
        text = await refusal(path)
        assert "integrity check failed" in text
        assert "restore from backup" in text

    async def test_d3_a_second_store_on_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        store = SqliteStore(path, clock=CLOCK)
        await store.open()
        with pytest.raises(StoreInUse) as caught:
            await SqliteStore(path, clock=CLOCK).open()
        assert f"in use by pid {os.getpid()} since 2025-11-20T09:00:00+00:00" in str(caught.value)
        await Scene(store).thread("ann")
        await store.close()
        await filled(path)

    async def test_d3_the_lock_ends_with_its_process(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        program = (
            "import asyncio, os, sys\n"
            "from threadcast.clock import SystemClock\n"
            "from threadcast.store.sqlite import SqliteStore\n"
            "store = SqliteStore(sys.argv[1], clock=SystemClock())\n"
            "asyncio.run(store.open())\n"
            "print('open', flush=True)\n"
            "sys.stdin.read()\n"
            "os.abort()\n"
        )
        process = subprocess.Popen(  # noqa: ASYNC220 - it is waited for by its own words
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
            assert f"in use by pid {process.pid} since" in await refusal(path)
        finally:
            process.kill()
            process.communicate()
        await filled(path)

    async def test_d5_a_newer_schema(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        await filled(path)
        known = load_steps("sqlite")[-1].version
        connection = apsw.Connection(str(path))
        connection.pragma("user_version", known + 1)
        connection.close()
        text = await refusal(path)
        assert f"database is version {known + 1}, this program knows {known}" in text


class TestMigrations:
    FIRST = SchemaStep(1, "0001_a.sql", "CREATE TABLE a (x); CREATE TABLE b (y);")
    SECOND = SchemaStep(2, "0002_b.sql", "ALTER TABLE a ADD COLUMN z; INSERT INTO a VALUES (1, 2);")
    BROKEN = SchemaStep(3, "0003_c.sql", "DROP TABLE b; CREATE TABLE a (x);")

    @pytest.fixture
    def connection(self) -> Iterator[apsw.Connection]:
        connection = apsw.Connection(":memory:")
        yield connection
        connection.close()

    def test_d6_step_by_step(
        self, connection: apsw.Connection, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert migrate(connection, [self.FIRST]) == 0
        assert not caplog.records
        with caplog.at_level(logging.WARNING, "threadcast.store.sqlite"):
            assert migrate(connection, [self.FIRST, self.SECOND]) == 1
        assert "backup" in caplog.text
        assert migrate(connection, [self.FIRST, self.SECOND]) == 2
        assert connection.execute("SELECT x, z FROM a").fetchall() == [(1, 2)]

    def test_d6_a_crash_inside_leaves_the_version_it_had(self, connection: apsw.Connection) -> None:
        migrate(connection, [self.FIRST])
        with pytest.raises(apsw.SQLError):
            migrate(connection, [self.FIRST, self.SECOND, self.BROKEN])
        assert connection.pragma("user_version") == 1
        assert connection.execute("SELECT * FROM b").fetchall() == []
        assert migrate(connection, [self.FIRST, self.SECOND]) == 1

    def test_versions_are_without_holes(self) -> None:
        migrations = load_steps("sqlite")
        assert [step.version for step in migrations] == list(range(1, len(migrations) + 1))


@pytest.fixture
def vfs() -> Iterator[FaultyVfs]:
    vfs = FaultyVfs("faulty")
    yield vfs
    vfs.unregister()


@pytest.fixture
async def store(tmp_path: Path, vfs: FaultyVfs) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "a.db", clock=CLOCK, vfs="faulty")
    await store.open()
    yield store
    vfs.fault = lambda _operation, _file: None
    await store.close()


async def failure(store: Store, key: str) -> ThreadcastError:
    """The error of a commit that must fail."""
    with pytest.raises(ThreadcastError) as caught:
        await store.commit([message(context_of("ann"), key=key)], now=NOW)
    return caught.value


class TestFailingDisk:
    async def test_d7_a_full_disk_is_said_and_healed(
        self, store: SqliteStore, vfs: FaultyVfs
    ) -> None:
        scene = Scene(store)
        await scene.send(context_of("ann"), key="k1")
        vfs.fault = lambda operation, _: apsw.FullError if operation == "write" else None
        for _ in range(3):
            assert (await failure(store, "k2")).code == "storage_full"
            assert not is_healthy(store)
            assert len(await scene.journal("ann")) == 2
        vfs.fault = lambda _operation, _file: None
        assert not (await scene.send(context_of("ann"), key="k2")).duplicate
        assert is_healthy(store)
        assert [event.seq for event in await scene.journal("ann")] == [1, 2, 3, 4]

    async def test_d7_a_failed_sync_is_unknown(self, store: SqliteStore, vfs: FaultyVfs) -> None:
        scene = Scene(store)
        claimed = await scene.running("ann")
        vfs.fault = lambda operation, _: apsw.IOError if operation == "sync" else None
        assert isinstance(await failure(store, "k2"), OutcomeUnknown)
        assert not is_healthy(store)
        vfs.fault = lambda _operation, _file: None
        head = (await store.heads(["ann"]))["ann"]
        accepted = await scene.send(context_of("ann"), key="k2")
        assert accepted.duplicate == (head > 3)
        await scene.committed(AppendToRun(claimed.lease, [delta("on")]))
        assert is_healthy(store)
        events = await scene.journal("ann")
        assert [event.seq for event in events] == list(range(1, len(events) + 1))

    async def test_d7_a_failed_sync_heals_where_nobody_reads(
        self, store: SqliteStore, vfs: FaultyVfs
    ) -> None:
        """Then the failed connection was the last one, and took the log with it."""
        vfs.fault = lambda operation, _: apsw.IOError if operation == "sync" else None
        assert isinstance(await failure(store, "k1"), OutcomeUnknown)
        vfs.fault = lambda _operation, _file: None
        scene = Scene(store)
        await scene.send(context_of("ann"), key="k2")
        assert is_healthy(store)
        assert (await store.heads(["ann"]))["ann"] >= 2

    async def test_d7_a_failed_write_is_never_called_stored(
        self, store: SqliteStore, vfs: FaultyVfs
    ) -> None:
        """Fail the n-th write of a commit, for every n: the answer is never a lie."""
        scene = Scene(store)
        await scene.send(context_of("ann"), key="first")
        for fatal in range(1, 30):
            count = 0

            def fault(operation: str, file: str, fatal: int = fatal) -> type[apsw.Error] | None:
                nonlocal count
                count += operation == "write" and file.endswith("-wal")
                return apsw.IOError if count == fatal else None

            vfs.fault = fault
            said = await self._try_to_send(scene, f"k{fatal}")
            vfs.fault = lambda _operation, _file: None
            again = await scene.send(context_of("ann"), key=f"k{fatal}", user_runs_max=100)
            assert (said, again.duplicate) not in (("stored", False), ("unavailable", True))
        events = await scene.journal("ann")
        assert [event.seq for event in events] == list(range(1, len(events) + 1))

    async def _try_to_send(self, scene: Scene, key: str) -> str:
        try:
            await scene.send(context_of("ann"), key=key, user_runs_max=100)
        except ThreadcastError as error:
            return error.code
        return "stored"

    async def test_d7_reads_go_on_while_the_disk_is_full(
        self, store: SqliteStore, vfs: FaultyVfs
    ) -> None:
        scene = Scene(store)
        context = await scene.thread("ann", "still here")
        vfs.fault = lambda operation, _: apsw.FullError if operation == "write" else None
        await failure(store, "k")
        async with scene.session("ann") as session:
            thread = await session.thread(context.thread_id)
        assert thread is not None
        assert thread.title == "still here"


class TestReplacedFile:
    @pytest.mark.parametrize("what", ["deleted", "replaced", "log deleted"])
    async def test_d8_commits_stop_at_once(self, tmp_path: Path, what: str) -> None:
        path = tmp_path / "a.db"
        store = SqliteStore(path, clock=CLOCK)
        await store.open()
        await Scene(store).thread("ann")
        if what == "log deleted":
            (tmp_path / "a.db-wal").unlink()
        else:
            path.rename(tmp_path / "moved.db")
        if what == "replaced":
            path.write_bytes(b"")
        error = await failure(store, "k")
        assert (error.code, is_healthy(store)) == ("unavailable", False)
        assert "deleted or replaced" in error.message
        await store.close()

    async def test_d8_a_file_deleted_during_a_commit_leaves_it_unknown(
        self, tmp_path: Path, store: SqliteStore, vfs: FaultyVfs
    ) -> None:
        await Scene(store).thread("ann")

        def delete(operation: str, _file: str) -> None:
            if operation == "sync":
                (tmp_path / "a.db").unlink(missing_ok=True)

        vfs.fault = delete
        error = await failure(store, "k")
        assert isinstance(error, OutcomeUnknown)
        assert "deleted or replaced" in error.message

    async def test_d8_a_file_behind_a_link_is_watched_with_its_log(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "a.db").symlink_to("real/b.db")
        store = SqliteStore(tmp_path / "a.db", clock=CLOCK)
        await store.open()
        await Scene(store).thread("ann")
        with pytest.raises(StoreInUse):
            await SqliteStore(tmp_path / "real" / "b.db", clock=CLOCK).open()
        (tmp_path / "real" / "b.db-wal").unlink()
        assert "deleted or replaced" in (await failure(store, "k")).message
        await store.close()

    async def test_d8_nothing_is_read_from_another_file(self, tmp_path: Path) -> None:
        other = SqliteStore(tmp_path / "b.db", clock=CLOCK)
        await other.open()
        await Scene(other).thread("ann")
        await other.close()
        store = SqliteStore(tmp_path / "a.db", clock=CLOCK)
        await store.open()
        (tmp_path / "b.db").rename(tmp_path / "a.db")
        with pytest.raises(ThreadcastError, match="deleted or replaced"):
            await store.heads(["ann"])
        await store.close()

    async def test_d8_readiness_notices_without_a_commit(self, tmp_path: Path) -> None:
        store = SqliteStore(tmp_path / "a.db", clock=CLOCK)
        await store.open()
        assert is_healthy(store)
        (tmp_path / "a.db").rename(tmp_path / "moved.db")
        assert not is_healthy(store)
        (tmp_path / "moved.db").rename(tmp_path / "a.db")
        await Scene(store).thread("ann")
        await store.close()


class TestBackup:
    async def test_d14_a_backup_under_load_is_a_prefix(self, tmp_path: Path) -> None:
        store = SqliteStore(tmp_path / "a.db", clock=CLOCK)
        await store.open()
        scene = Scene(store)
        claimed = await scene.running("ann")
        target = tmp_path / "copy.db"
        backup = asyncio.create_task(asyncio.to_thread(back_up, tmp_path / "a.db", target))
        commits = 0
        while not backup.done() or commits < 20:
            await scene.committed(AppendToRun(claimed.lease, [delta(str(commits))] * 5))
            commits += 1
        await backup
        original = await scene.journal("ann")
        async with scene.session("ann") as session:
            feed = (await session.journal()).feed
        await store.close()
        assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
        restored = SqliteStore(target, clock=CLOCK)
        await restored.open()
        copied = await Scene(restored).journal("ann")
        assert len(copied) >= 3
        assert [e.payload for e in copied] == [e.payload for e in original[: len(copied)]]
        async with Scene(restored).session("ann") as session:
            head = await session.journal()
        assert head.head == len(copied)
        assert head.feed not in (None, feed)
        await restored.close()

    async def test_d14_a_copy_is_slow_only_while_a_server_uses_the_file(
        self, tmp_path: Path
    ) -> None:
        pauses_s: list[float] = []
        database = tmp_path / "a.db"
        await filled(database)
        back_up(database, tmp_path / "without.db", sleep=pauses_s.append)
        assert pauses_s == []
        store = SqliteStore(database, clock=CLOCK)
        await store.open()
        back_up(database, tmp_path / "with.db", sleep=pauses_s.append)
        assert pauses_s
        pauses_s.clear()
        (tmp_path / "link.db").symlink_to(database)
        back_up(tmp_path / "link.db", tmp_path / "behind.db", sleep=pauses_s.append)
        assert pauses_s
        await store.close()

    async def test_a_backup_overwrites_nothing(self, tmp_path: Path) -> None:
        await filled(tmp_path / "a.db")
        (tmp_path / "copy.db").write_bytes(b"precious")
        with pytest.raises(ConfigurationError, match="exists already"):
            back_up(tmp_path / "a.db", tmp_path / "copy.db")
        with pytest.raises(ConfigurationError, match="cannot back up"):
            back_up(tmp_path / "missing.db", tmp_path / "other.db")
        with pytest.raises(ConfigurationError, match="cannot back up"):
            back_up(tmp_path / "a.db", tmp_path / os.fsdecode(b"no utf-8 \xff.db"))
        assert sorted(os.listdir(tmp_path)) == ["a.db", "a.db.lock", "copy.db"]

    async def test_a_backup_takes_a_name_only_if_nobody_else_has(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await filled(tmp_path / "a.db")
        target = tmp_path / "copy.db"

        def somebody_else(_descriptor: int) -> None:
            if not target.exists():
                target.write_bytes(b"precious")

        monkeypatch.setattr("os.fsync", somebody_else)
        with pytest.raises(ConfigurationError, match="File exists"):
            back_up(tmp_path / "a.db", target)
        assert target.read_bytes() == b"precious"

    @pytest.mark.parametrize("link_to", [Path.symlink_to, Path.hardlink_to])
    async def test_a_backup_is_written_only_into_a_file_of_its_own(
        self, tmp_path: Path, link_to: Callable[[Path, Path], None]
    ) -> None:
        await filled(tmp_path / "a.db")
        other = tmp_path / "other"
        other.write_bytes(b"precious")
        link_to(tmp_path / "copy.db.part", other)
        with pytest.raises(ConfigurationError, match="cannot back up"):
            back_up(tmp_path / "a.db", tmp_path / "copy.db")
        assert other.read_bytes() == b"precious"

    async def test_nobody_else_may_read_a_backup(self, tmp_path: Path) -> None:
        await filled(tmp_path / "a.db")
        part = tmp_path / "copy.db.part"
        part.touch()
        part.chmod(0o666)
        back_up(tmp_path / "a.db", tmp_path / "copy.db")
        assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600

    async def test_d14_commits_rarely_wait_for_who_reads_as_long_as_a_backup(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        store = SqliteStore(tmp_path / "a.db", clock=CLOCK, checkpoint_pages=5)
        await store.open()
        scene = Scene(store)
        claimed = await scene.running("ann")
        reader = apsw.Connection(str(tmp_path / "a.db"), flags=apsw.SQLITE_OPEN_READONLY)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchall()
        log = tmp_path / "a.db-wal"
        async with asyncio.timeout(WAIT_S):
            while log.stat().st_size < 1_000 * 4_096:
                await scene.committed(AppendToRun(claimed.lease, [delta("x" * 2_000)] * 5))
        waits = [one for one in caplog.records if "something reads for long" in one.message]
        assert 3 <= len(waits) <= 5  # each time that the log has doubled, not at each commit
        assert not [one for one in caplog.records if one.levelname == "WARNING"]
        reader.close()
        await store.close()

    async def test_two_backups_never_write_to_one_file(self, tmp_path: Path) -> None:
        await filled(tmp_path / "a.db")
        part = tmp_path / "copy.db.part"
        with part.open("wb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            other.write(b"half a copy")
            other.flush()
            with pytest.raises(ConfigurationError, match="another backup is being written"):
                back_up(tmp_path / "a.db", tmp_path / "copy.db")
            assert part.read_bytes() == b"half a copy"
        back_up(tmp_path / "a.db", tmp_path / "copy.db")  # that one was killed
        assert not part.exists()

    def test_a_copy_is_written_in_small_pieces_with_pauses(self, tmp_path: Path) -> None:
        pauses_s: list[float] = []
        paced = PacedVfs("paced-for-a-test", sleep=pauses_s.append)
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        copy = apsw.Connection(str(tmp_path / "copy.db"), flags=flags, vfs=paced.vfs_name)
        copy.execute("CREATE TABLE t (x)")
        copy.execute("INSERT INTO t VALUES (zeroblob(?))", (8 * PIECE_BYTES,))
        copy.close()
        assert len(pauses_s) >= 8
        assert min(pauses_s) > 0
        read = apsw.Connection(str(tmp_path / "copy.db"))
        assert read.execute("SELECT length(x) FROM t").get == 8 * PIECE_BYTES
        read.close()

"""Checks around every test, and fixtures of several test modules.

Hypothesis' deadline for an example is off, because tests also run on busy machines; the rest of its
active profile stays. A module that needs a server with other settings overrides the fixture.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from multiprocessing.util import Finalize
from pathlib import Path
from shutil import disk_usage, rmtree

import pytest
import pytest_asyncio
from hypothesis import settings
from playwright.async_api import Browser

from edge_server import Serving, serving
from http_world import World, running
from live_server import LiveServer, Talk
from nats_server import NatsServer
from page_browser import BROWSER, launched
from postgres_scene import PostgresScene, postgres_scene
from postgres_server import NEWEST, TEMPLATES, PostgresServers
from store_scene import Scene

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A background job ignores Ctrl-C, and every program that we start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

for name in [name for name in os.environ if name.startswith("THREADCAST_")]:
    if name not in ("THREADCAST_BROWSER", "THREADCAST_TEST_SEED"):
        del os.environ[name]  # settings of a real server in the environment must not affect tests

settings.register_profile(
    "untimed", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("untimed")

# Tests write to memory where possible, so that syncs are fast: no test depends on this machine's
# power. TMPDIR overrides that, and keeps what failed tests wrote.
MEMORY = Path("/dev/shm")
ROOM_BYTES = 6 * 1024**3

# Longest first: `scripts/test` hands modules to its processes one by one, so that none begins a
# long one when the others are done.
LONGEST = (
    *("test_ablations", "test_check_sabotage", "test_proving", "test_promise_restore"),
    *("test_promise_versions", "test_cluster_browser", "test_promise_kill", "test_cli_chat"),
    *("test_console_browser", "test_chat_browser", "test_page_browser", "test_client_browser"),
    *("test_conversation_browser", "test_element_browser", "test_sign_in_browser"),
    *("test_console_troubles", "test_cluster_operators", "test_packages", "test_guide_typescript"),
    *("test_cluster_connections", "test_guide_embedding", "test_power_cut", "test_cli_check"),
    *("test_cluster_terminal", "test_runs_across_nodes", "test_promise_owners", "test_cli_serve"),
    *("test_cluster", "test_store_postgres", "test_store_model", "test_promise_postgres"),
    *("test_delivery_model", "test_promise_rolling", "test_promise_slow_readers", "test_docs"),
    *("test_postgres_pooler", "test_promise_failover", "test_guide_fixing_id_drift"),
    *("test_bus_nodes", "test_bus_nats", "test_client", "test_cli_consistency", "test_cli_audit"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the modules that take longest first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_configure() -> None:
    """Create the folders of this run; all its processes inherit their names."""
    if TEMPLATES in os.environ:
        return
    _hold(TEMPLATES, tempfile.mkdtemp(prefix="threadcast-postgres-templates-"))
    is_usable = os.access(MEMORY, os.W_OK) and disk_usage(MEMORY).free >= ROOM_BYTES
    if "TMPDIR" not in os.environ and is_usable:
        _hold("TMPDIR", tempfile.mkdtemp(prefix="threadcast-tests-", dir=MEMORY))
        tempfile.tempdir = os.environ["TMPDIR"]


def _hold(name: str, folder: str) -> None:
    """Put a folder's name into the environment, and remove the folder when this process ends."""
    Path(folder).chmod(0o711)
    os.environ[name] = folder
    # After `multiprocessing`'s own cleanup in it, which has a priority of -100.
    Finalize(None, rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=-200)


@pytest.fixture(autouse=True)
def unchanged_log() -> Iterator[None]:
    """Restore the logging set-up that a command in this process replaced."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler and handler not in before:  # not pytest's
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A whole server for the tests of one module."""
    with LiveServer(tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture
async def unharmed(live: LiveServer, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Checks that another user was not affected by the test and that the log is clean."""
    async with live.unharmed(caplog):
        yield


@pytest.fixture
async def talk(live: LiveServer) -> AsyncIterator[Talk]:
    """A live connection of `u-wire`."""
    async with live.talk("u-wire") as client:
        yield client


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A node behind its HTTP routes, for one test."""
    async with running(tmp_path) as world:
        yield world


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def shared(request: pytest.FixtureRequest) -> Iterator[Serving]:
    """The edge alone, for the tests of one module, on each event loop."""
    with serving(loop=request.param, close_timeout_s=1.0) as running:
        yield running


@pytest.fixture
async def server(shared: Serving) -> Serving:
    """The shared edge, reset after earlier tests."""
    await shared.settled(0)
    shared.app.forget()
    return shared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser for the tests of one module, which run on its event loop."""
    async with launched(BROWSER) as browser:
        yield browser


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[PostgresServers]:
    """Real PostgreSQL servers, shared by all tests of this process."""
    servers = PostgresServers()
    yield servers
    servers.close()


@pytest.fixture
async def database(postgres_servers: PostgresServers) -> AsyncIterator[PostgresScene]:
    """An empty schema of the newest PostgreSQL."""
    async with postgres_scene(postgres_servers.of(NEWEST)) as scene:
        yield scene


@pytest.fixture
async def node(database: PostgresScene) -> Scene:
    """A store with its tables in `database`."""
    return await database.node()


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """One real NATS server for all tests of this process; tests must not stop it."""
    server = NatsServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def nats() -> Iterator[NatsServer]:
    """A NATS server for one test, which may stop or kill it."""
    server = NatsServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def seed() -> int:
    """A random seed, or the environment's; failures report it."""
    return int(os.environ.get("THREADCAST_TEST_SEED", random.randrange(2**32)))

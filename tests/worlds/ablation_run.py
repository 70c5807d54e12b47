"""Runs tests of a copy of this project, in a process that has the libraries already.

Starting Python, pytest and all libraries takes longer than most tests, so a fork server imports
them once and each run is a fork of it. It imports nothing of Threadcast: each run uses the copy's.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_OURS = (str(ROOT / "src"), str(ROOT / "tests"))
RUN_MAX_S = 240.0
BROKEN_WAIT_S = 5.0
PATIENCE = "TEST_WAIT_S"  # what `patience` reads, which the copy brings as well
END_MAX_S = 15.0
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
LIBRARIES = (
    *("apsw", "asyncpg", "cryptography.x509", "httptools", "httpx2", "hypothesis.strategies"),
    *("jsonschema_rs", "jwt", "msgspec.json", "nats", "opentelemetry.sdk.trace"),
    *("playwright.async_api", "prometheus_client", "pytest", "pytest_asyncio.plugin"),
    *("starlette.applications", "trustme", "uvicorn", "uvloop"),
    *("websockets.asyncio.client", "websockets.asyncio.server"),
)

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(list(LIBRARIES))


@dataclass(frozen=True)
class Ran:
    """The result of a test run in a copy.

    Attributes:
        code: pytest's.
        output: everything printed.
    """

    code: int | None
    output: str


def run_tests(
    folder: Path, *tests: str, max_s: float = RUN_MAX_S, wait_s: float = BROKEN_WAIT_S
) -> Ran:
    """Run tests of a copy against the copy's own source.

    Args:
        folder: the copy, with `src`, `tests` and `pyproject.toml`.
        tests: pytest arguments, relative to `tests`.
        max_s: after this time they are interrupted, seconds.
        wait_s: how long each of them waits for what must happen, seconds.
    """
    output = folder / "output"
    process = _forks.Process(target=_run, args=(folder, tests, output, wait_s))
    process.start()
    process.join(max_s)
    if process.is_alive():
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)  # the tests end what they started
        process.join(END_MAX_S)
        process.kill()
        process.join()
    return Ran(process.exitcode, output.read_text() if output.exists() else "")


def _run(folder: Path, tests: tuple[str, ...], output: Path, wait_s: float) -> None:
    with output.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]
    os.environ[PATIENCE] = str(wait_s)
    source = str(folder / "src")
    os.environ["PYTHONPATH"] = source
    ours = {"", str(ROOT)}
    foreign = [path for path in sys.path if path not in ours and not path.startswith(_OURS)]
    sys.path[:] = [source, *foreign]
    named = [f"tests/{test}" for test in tests]
    sys.exit(int(pytest.main([*OPTIONS, f"--basetemp={folder / 'temporary'}", *named])))

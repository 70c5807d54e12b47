"""The settings, routes and commands that the files in deploy/ have to agree with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from threadcast import Settings, Threadcast
from threadcast.agents.demo import demo_agent
from threadcast.cli import main
from threadcast.schemas.operations import OPERATIONS
from threadcast.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
VARIABLES = frozenset(setting.variable for setting in SETTINGS)
PATHS = frozenset(operation.path for operation in OPERATIONS)
PORT = Settings(dev=True).port
_LINT_MAX_S = 60.0


def lint(*command: str | Path, **environment: str) -> tuple[int, str]:
    """Run a tool of the extra `dev`; its exit status and output."""
    tool = Path(sys.executable).with_name(str(command[0]))
    ended = subprocess.run(
        [tool, *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_LINT_MAX_S,
        cwd=ROOT,
        env={"PATH": str(tool.parent), "HOME": "/nonexistent", **environment},
    )
    return ended.returncode, ended.stdout.decode(errors="replace")


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Those that are no setting's variable."""
    return sorted(name for name in names if name not in VARIABLES)


def is_command(words: list[str]) -> bool:
    """Whether `threadcast` has this command."""
    return main([*words, "--help"]) == 0


def ending_max_s() -> float:
    """The longest time that a node with default settings takes to end, in seconds."""
    settings = Settings(jwt_secret="d3b07384d113edec49eaa6238ad5ff00")
    return Threadcast(settings, [demo_agent()]).node.drain_max_s

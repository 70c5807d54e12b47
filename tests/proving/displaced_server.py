"""`threadcast serve` by a wrong clock, or in a network of its own.

Arguments: by how many seconds its clock is ahead, and the network namespace that it reaches
everything from, as a file. It listens in the network in which it was started, and its host is an
address there that it can reach from its own. It reads its settings as the command does, from
variables and a file; it takes no other options.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from proving.namespaces import enter
from threadcast.agents import load_agent
from threadcast.app import Threadcast
from threadcast.cli.ending import run_to_the_end
from threadcast.cli.listening import listen
from threadcast.cli.serve import serve_on
from threadcast.clock import SystemClock
from threadcast.settings import Settings
from threadcast.settings.sources import read_settings

EVERYWHERE = "0.0.0.0"


@dataclass(frozen=True)
class ShiftedClock(SystemClock):
    """Wall time is so many seconds ahead of the machine's, or behind it."""

    ahead_s: float

    def now(self) -> float:
        """Wall time, seconds since the epoch, wrong."""
        return super().now() + self.ahead_s


def _settings() -> Settings:
    return read_settings({}, dict(os.environ), None).settings


def main(ahead_s: float, namespace: Path | None) -> None:
    """Serve until SIGTERM."""
    settings = _settings()
    agents = [load_agent(name) for name in settings.agents]
    listens_on = settings.host if namespace is None else EVERYWHERE
    with closing(listen(listens_on, settings.port)) as listener:
        if namespace is not None:
            enter(namespace)
        clock = ShiftedClock(ahead_s)
        threadcast = Threadcast(settings, agents, listens_on=listens_on, clock=clock)
        run_to_the_end(serve_on(threadcast, settings, listener, _settings), None)


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)

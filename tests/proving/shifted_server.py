"""`threadcast serve` with a clock that is wrong: its first argument is by how many seconds.

It reads its settings as the command does, from variables and a file; it takes no other options.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import dataclass

from threadcast.agents import load_agent
from threadcast.app import Threadcast
from threadcast.cli.ending import run_to_the_end
from threadcast.cli.listening import listen
from threadcast.cli.serve import serve_on
from threadcast.clock import SystemClock
from threadcast.settings import Settings
from threadcast.settings.sources import load_settings


@dataclass(frozen=True)
class ShiftedClock(SystemClock):
    """Wall time is so many seconds ahead of the machine's, or behind it."""

    ahead_s: float

    def now(self) -> float:
        """Wall time, seconds since the epoch, wrong."""
        return super().now() + self.ahead_s


def _settings() -> Settings:
    return load_settings({}, dict(os.environ), None).settings


def main(ahead_s: float) -> None:
    """Serve until SIGTERM."""
    settings = _settings()
    agents = [load_agent(name) for name in settings.agents]
    with closing(listen(settings.host, settings.port)) as listener:
        clock = ShiftedClock(ahead_s)
        threadcast = Threadcast(settings, agents, listens_on=settings.host, clock=clock)
        run_to_the_end(serve_on(threadcast, settings, listener, _settings), None)


if __name__ == "__main__":
    main(float(sys.argv[1]))

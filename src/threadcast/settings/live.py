"""Which of newly read settings a running server takes, and which have to wait for a restart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .checked import SETTINGS, Settings

__all__ = ["LiveChange", "live_change"]


@dataclass(frozen=True, slots=True)
class LiveChange:
    """From the settings of a running server to what it can take of others.

    Attributes:
        settings: what is to hold now.
        applied: the keys that are changed in it.
        waiting: the keys that differ and need a restart.
    """

    settings: Settings
    applied: tuple[str, ...]
    waiting: tuple[str, ...]


def live_change(present: Settings, wanted: Settings) -> LiveChange:
    """What a server that runs with `present` does when it is asked to run with `wanted`.

    Raises:
        ConfigurationError: what can be taken now contradicts what has to wait.
    """
    differing = [one for one in SETTINGS if getattr(present, one.key) != getattr(wanted, one.key)]
    applied = tuple(one.key for one in differing if one.note.live)
    waiting = tuple(one.key for one in differing if not one.note.live)
    values = {key: getattr(wanted, key) for key in applied}
    return LiveChange(replace(present, **values), applied, waiting)

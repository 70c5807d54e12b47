"""Decides which changed settings a running server applies, and which need a restart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .checked import SETTINGS, Settings

__all__ = ["LiveChange", "live_change"]


@dataclass(frozen=True, slots=True)
class LiveChange:
    """The result of applying new settings to a running server.

    Attributes:
        settings: the settings in force now.
        applied: the keys that changed.
        waiting: the keys that differ and need a restart.
    """

    settings: Settings
    applied: tuple[str, ...]
    waiting: tuple[str, ...]


def live_change(present: Settings, wanted: Settings) -> LiveChange:
    """Apply the live settings of `wanted` to `present`.

    Raises:
        ConfigurationError: the live settings contradict those that have to wait.
    """
    differing = [one for one in SETTINGS if getattr(present, one.key) != getattr(wanted, one.key)]
    applied = tuple(one.key for one in differing if one.note.live)
    waiting = tuple(one.key for one in differing if not one.note.live)
    values = {key: getattr(wanted, key) for key in applied}
    return LiveChange(replace(present, **values), applied, waiting)

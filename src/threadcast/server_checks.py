"""The server's checks that can be rolled out in stages, and the setting of each.

A check is here if an operator may have set it too tight, and if letting everything pass costs
capacity or caution but no user's data (an invalid id finds nothing anyway). Always enforced is what
keeps users apart (credentials, revocation, ownership, scopes, fences), what keeps the process alive
(sizes, times, queues, the server's own connection limit), and what is meaningless otherwise
(malformed input, a token in a URL). Development mode mints tokens for anybody, so there origins and
hosts can only be enforced.

The middleware and the sessions check the same ids, so one mode governs both. This module may not
know who uses a check.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from .check_modes import Check, Tolerated
from .clock import Clock
from .settings import Settings

__all__ = ["ServerChecks"]

_SETTINGS = {
    "ids": "id_validation",
    "rates": "rate_limit_mode",
    "connections": "connection_limit_mode",
    "runs": "run_limit_mode",
    "origins": "origin_check_mode",
    "hosts": "host_check_mode",
}


@dataclass(frozen=True, slots=True)
class ServerChecks:
    """The checks of one server; each has the name of its setting."""

    ids: Check
    rates: Check
    connections: Check
    runs: Check
    origins: Check
    hosts: Check

    @classmethod
    def from_settings(cls, settings: Settings, *, clock: Clock, on_tolerated: Tolerated) -> Self:
        """All checks in the modes of the settings; the arguments are those of `Check`."""
        made = {
            name: Check(key, getattr(settings, key), clock=clock, on_tolerated=on_tolerated)
            for name, key in _SETTINGS.items()
        }
        return cls(**made)

    def take_settings(self, settings: Settings) -> None:
        """Apply the modes of these settings from now on."""
        for entry in fields(self):
            getattr(self, entry.name).mode = getattr(settings, _SETTINGS[entry.name])

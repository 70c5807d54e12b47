"""Which checks of a server can be rolled out in stages, and the setting that says how strictly.

A check is here when an operator can have set it too tight, and when letting everything pass costs
capacity or caution, but no user's data: what is no id finds nothing anyway. Always enforced is what
keeps users apart (credentials, revocation, ownership, scopes, fences), what keeps the process alive
(sizes, times, queues, the server's own number of connections), and what has no meaning otherwise
(malformed input, a token in a URL). Development mode mints tokens for anybody, so there the
settings allow no mode but `enforce` for origins and hosts.

The middleware and the sessions look at the same ids, so one mode governs both: two could only
contradict each other. This module may not know who asks a check.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from .checks import Check, Tolerated
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
        """All checks, as strict as the settings say; the arguments are those of `Check`."""
        made = {
            name: Check(key, getattr(settings, key), clock=clock, on_tolerated=on_tolerated)
            for name, key in _SETTINGS.items()
        }
        return cls(**made)

    def take_settings(self, settings: Settings) -> None:
        """Be as strict as these settings say from now on."""
        for entry in fields(self):
            getattr(self, entry.name).mode = getattr(settings, _SETTINGS[entry.name])

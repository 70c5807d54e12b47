"""The commands in flight, and what happens to them when a connection ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.commands import Command

SENDS_MAX = 10
"""A command that was on this many lost connections is not sent again."""


@dataclass(slots=True)
class Asked:
    """One command in flight.

    Attributes:
        command_id: its id.
        name: the command's name, for messages.
        text: the command as JSON.
        repeatable: whether sending it twice does no more than sending it once.
        on_wire: whether this connection may have carried it.
        sends: how many connections may have carried it.
    """

    command_id: str
    name: str
    text: str
    repeatable: bool
    on_wire: bool = False
    sends: int = 0


class InFlight:
    """The commands in flight, in order."""

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, command: Command, text: str, *, repeatable: bool) -> None:
        """Register `command`, which is `text` on the wire, as waiting for its answer."""
        self._asked[command.id] = Asked(command.id, command.name, text, repeatable)

    def remove(self, command_id: str) -> None:
        """Unregister a command; does nothing if it is not registered."""
        self._asked.pop(command_id, None)

    def sending(self, command_id: str) -> bool:
        """Note that a command is about to be sent; False if it is no longer registered."""
        asked = self._asked.get(command_id)
        if asked is None or asked.on_wire:
            return False
        asked.on_wire = True
        asked.sends += 1
        return True

    def to_send(self) -> list[Asked]:
        """The commands that a new connection has to send."""
        return [asked for asked in self._asked.values() if not asked.on_wire]

    def dropped(self) -> list[Asked]:
        """The connection ended: returns the commands whose outcome is now unknown.

        The others are sent again on the next connection.
        """
        lost = [asked for asked in self._asked.values() if _is_lost(asked)]
        for asked in lost:
            del self._asked[asked.command_id]
        for asked in self._asked.values():
            asked.on_wire = False
        return lost


def _is_lost(asked: Asked) -> bool:
    return asked.on_wire and (not asked.repeatable or asked.sends >= SENDS_MAX)

"""The commands that wait for an answer, and what becomes of them when a connection ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.commands import Command

SENDS_MAX = 10
"""A command that was on this many lost connections is not sent again."""


@dataclass(slots=True)
class Asked:
    """One command under way.

    Attributes:
        command_id: its id.
        name: what was asked, for messages.
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
    """The commands under way, in the order in which they were asked."""

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, command: Command, text: str, *, repeatable: bool) -> None:
        """Begin to wait for an answer to `command`, which is `text` on the wire."""
        self._asked[command.id] = Asked(command.id, command.name, text, repeatable)

    def remove(self, command_id: str) -> None:
        """Wait no longer; nothing happens if nobody waited."""
        self._asked.pop(command_id, None)

    def sending(self, command_id: str) -> bool:
        """Note that a command is about to be sent; False if nobody waits for it any more."""
        asked = self._asked.get(command_id)
        if asked is None or asked.on_wire:
            return False
        asked.on_wire = True
        asked.sends += 1
        return True

    def to_send(self) -> list[Asked]:
        """What a new connection has to carry."""
        return [asked for asked in self._asked.values() if not asked.on_wire]

    def dropped(self) -> list[Asked]:
        """The connection ended: returns the commands that are lost, outcome unknown.

        The others go to the next connection.
        """
        lost = [asked for asked in self._asked.values() if _is_lost(asked)]
        for asked in lost:
            del self._asked[asked.command_id]
        for asked in self._asked.values():
            asked.on_wire = False
        return lost


def _is_lost(asked: Asked) -> bool:
    return asked.on_wire and (not asked.repeatable or asked.sends >= SENDS_MAX)

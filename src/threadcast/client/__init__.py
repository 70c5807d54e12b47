"""A client that loses and duplicates nothing across reconnects, restarts and slow networks.

async with connect("http://127.0.0.1:8080", token) as client:
    sent = await client.send_message("Hello")
    async for item in client:
        ...
"""

from ..errors import OutcomeUnknown
from ..events import Event
from .arguments import UnusableArgument
from .client import Client, Sent, connect
from .endpoint import UnusableUrl
from .snapshots import Snapshots
from .wire import typed
from .words import (
    ClientClosed,
    ClientRefused,
    ClientState,
    CommandRejected,
    Cursor,
    Phase,
    ProtocolViolation,
    Reset,
    ServerUnreachable,
)

__all__ = [
    "Client",
    "ClientClosed",
    "ClientRefused",
    "ClientState",
    "CommandRejected",
    "Cursor",
    "Event",
    "OutcomeUnknown",
    "Phase",
    "ProtocolViolation",
    "Reset",
    "Sent",
    "ServerUnreachable",
    "Snapshots",
    "UnusableArgument",
    "UnusableUrl",
    "connect",
    "typed",
]

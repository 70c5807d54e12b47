"""Binds the server's address, and explains failures.

On Linux, `/proc` tells which process has a port; elsewhere no process is named.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path

from ..edge.server import bind
from . import exits

_PROC = Path("/proc")
_LISTENING = "0A"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; the caller closes it.

    Args:
        host: address or name to listen on.
        port: 0..65535; 0 takes a free one.

    Raises:
        CommandFailed: the port is in use (73), not allowed (77), or the address is not ours.
    """
    try:
        return bind(host, port)
    except socket.gaierror as error:
        text = f"host: {host} is no address of this machine ({error.strerror})"
        raise exits.CommandFailed(text, exits.CONFIGURATION) from error
    except OSError as error:
        raise exits.CommandFailed(_reason(host, port, error), exits.status_of(error)) from error


def holder_of(port: int) -> int | None:
    """The pid of the process that listens on a port; None where that cannot be seen."""
    sockets = _listening_sockets(port)
    if len(sockets) != 1:
        return None
    wanted = f"socket:[{sockets.pop()}]"
    for descriptor in _PROC.glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == wanted:
                return int(descriptor.parts[2])
        except OSError:  # it has ended, or is somebody else's
            continue
    return None


def _listening_sockets(port: int) -> set[str]:
    found = set()
    for table in (_PROC / "net/tcp", _PROC / "net/tcp6"):
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _reason(host: str, port: int, error: OSError) -> str:
    where = f"port {port} on {host}"
    match error.errno:
        case errno.EADDRINUSE:
            holder = holder_of(port)
            by = f" by pid {holder}" if holder is not None else ""
            return f"{where} is in use{by}; choose another one with --port"
        case errno.EACCES | errno.EPERM:
            return f"{where}: permission denied; choose one from 1024 on with --port"
        case errno.EADDRNOTAVAIL:
            return f"host: {host} is no address of this machine; choose another one with --host"
        case _:
            reason = re.sub(r" \(while attempting to .*", "", error.strerror or "unknown error")
            return f"cannot listen on {where}: {reason}"

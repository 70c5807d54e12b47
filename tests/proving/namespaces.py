"""Network namespaces of Linux: a network of this process alone, and others that it makes.

Making one takes root, or rather CAP_SYS_ADMIN; whoever has not that is told so, and that is all.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_NEW_NETWORK = 0x4000_0000  # CLONE_NEWNET
_libc = ctypes.CDLL(None, use_errno=True)


def leave_network() -> str | None:
    """Have a network of its own for this process and all that it starts, with a loopback alone.

    To be called before there are threads: only the one that calls it moves.

    Returns:
        Why that cannot be, or None: it is so now.
    """
    missing = [name for name in ("ip", "unshare", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} of iproute2 and util-linux cannot be found"
    if _libc.unshare(_NEW_NETWORK):
        return os.strerror(ctypes.get_errno()).lower()
    ip(None, ["link set lo up"])
    return None


def enter(namespace: Path) -> None:
    """Go over to another network with this thread and those that it starts; sockets stay."""
    with namespace.open() as file:
        if _libc.setns(file.fileno(), _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "the network cannot be entered", str(namespace))


class Namespace:
    """A network, kept by a process that does nothing else."""

    def __init__(self) -> None:
        keeper = ("unshare", "--net", "sh", "-c", "echo; exec cat")
        self._keeper = subprocess.Popen(
            keeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline(), "no network can be made"
        self.ip(["link set lo up"])

    @property
    def pid(self) -> int:
        """Of the process that keeps it."""
        return self._keeper.pid

    @property
    def path(self) -> Path:
        """For `enter`."""
        return Path(f"/proc/{self.pid}/ns/net")

    def ip(self, commands: Iterable[str]) -> None:
        """Run commands of `ip` in it; raises `CalledProcessError`."""
        ip(self, commands)

    def forward(self) -> None:
        """Let it pass on what is for others."""
        at = "/proc/sys/net/ipv4/ip_forward"
        subprocess.run(["nsenter", f"--net={self.path}", "sh", "-c", f"echo 1 > {at}"], check=True)

    def close(self) -> None:
        """Let it go; what is still in it keeps it."""
        self._keeper.communicate(timeout=10)


def ip(where: Namespace | None, commands: Iterable[str]) -> None:
    """Run commands of `ip`, all in one process; None: in the network of this process."""
    inside = () if where is None else ("nsenter", f"--net={where.path}")
    subprocess.run(
        [*inside, "ip", "-batch", "-"],
        input="".join(f"{command}\n" for command in commands).encode(),
        check=True,
    )

"""Network namespaces of Linux: a network of this process alone, and others that it makes.

Creating one needs CAP_SYS_ADMIN; without it, the reason is returned.
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
    """Move this process and its later children into a new network with only a loopback.

    Call it before starting threads: only the calling thread moves.

    Returns:
        The reason why it failed, or None.
    """
    missing = [name for name in ("ip", "unshare", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} of iproute2 and util-linux cannot be found"
    if _libc.unshare(_NEW_NETWORK):
        return os.strerror(ctypes.get_errno()).lower()
    ip(None, ["link set lo up"])
    return None


def enter(namespace: Path) -> None:
    """Move this thread and its later children into another network; open sockets stay."""
    with namespace.open() as file:
        if _libc.setns(file.fileno(), _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "the network cannot be entered", str(namespace))


class Namespace:
    """A network, kept alive by an idle process."""

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
        """The pid of that process."""
        return self._keeper.pid

    @property
    def path(self) -> Path:
        """For `enter`."""
        return Path(f"/proc/{self.pid}/ns/net")

    def ip(self, commands: Iterable[str]) -> None:
        """Run commands of `ip` in it; raises `CalledProcessError`."""
        ip(self, commands)

    def forward(self) -> None:
        """Enable IP forwarding in it."""
        at = "/proc/sys/net/ipv4/ip_forward"
        subprocess.run(["nsenter", f"--net={self.path}", "sh", "-c", f"echo 1 > {at}"], check=True)

    def close(self) -> None:
        """Release it; processes inside still keep it alive."""
        self._keeper.communicate(timeout=10)


def ip(where: Namespace | None, commands: Iterable[str]) -> None:
    """Run `ip` commands in one process; None: in this process's network."""
    inside = () if where is None else ("nsenter", f"--net={where.path}")
    subprocess.run(
        [*inside, "ip", "-batch", "-"],
        input="".join(f"{command}\n" for command in commands).encode(),
        check=True,
    )

"""`scripts/cluster`: a cluster on this machine to chat with, and to break on purpose.

It starts PostgreSQL and NATS from their development wheels, nodes in development mode and a front
that distributes connections round-robin. It prints how to kill each part, reports dead ones,
restarts them on request, and ends all of them when it ends. Everything listens on the loopback
address only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from cluster import Cluster, Node
from cluster_terminal import Part, Refused, Terminal, say
from nats_server import NatsServer
from postgres_server import PostgresServer
from threadcast.auth.dev_tokens import load_or_make_secret
from threadcast.errors import ConfigurationError
from threadcast.ids import UnifiedIdGenerator

FRONT_PORT = 8080
NODES_MAX = 9
_RESTART_TRIES = 20
_RESTART_PAUSE_S = 0.5
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PREFIX = "THREADCAST_"
_OURS = {"CONFIG", "URL", "TOKEN", "HOST", "PORT", "DATABASE_URL", "BUS_URL", "JWT_SECRET", "DEV"}


class DevelopmentNode(Node):
    """A node with a server's default limits that a Ctrl-C does not reach."""

    limitless = False
    own_group = True
    node_id = ""

    async def begin(self) -> None:
        """Start it under a new id: a restarted node is another node."""
        self.node_id = UnifiedIdGenerator.generate_base_id("node")
        self._environment["THREADCAST_NODE_ID"] = self.node_id
        await super().begin()


class Patience:
    """Ctrl-C: the first one ends in order, the second one at once."""

    def __init__(self) -> None:
        self.enough = asyncio.Event()
        self.gone = asyncio.Event()
        for number in _ENDINGS:
            asyncio.get_running_loop().add_signal_handler(number, self._lose)

    def _lose(self) -> None:
        (self.gone if self.enough.is_set() else self.enough).set()


async def serve(folder: Path, *, port: int, nodes: int, with_bus: bool) -> None:
    """Start everything in a folder, run until interrupted, end everything.

    Args:
        folder: where data and logs are.
        port: of the front.
        nodes: how many, 1..`NODES_MAX`.
        with_bus: whether to start NATS.

    Raises:
        AssertionError, OSError, subprocess.CalledProcessError: a part did not start; all were
            ended.
    """
    patience = Patience()
    async with AsyncExitStack() as stack:
        parts = []
        say("starting PostgreSQL ...")
        postgres = await _postgres(folder / "postgres", stack)
        parts.append(_part_of_server("postgres", postgres, signal.SIGQUIT))
        bus = None
        if with_bus:
            say("starting NATS ...")
            bus = await _bus(stack)
            parts.append(_part_of_server("nats", bus, signal.SIGKILL))
        say(f"starting {nodes} node{'s' if nodes > 1 else ''} ...")
        database_url = await postgres.schema("chat")
        cluster = Cluster(
            folder,
            database_url,
            bus=bus,
            agents="",
            settings=_settings(load_or_make_secret(folder / "secret"), os.environ),
            kind=DevelopmentNode,
        )
        stack.push_async_callback(_end, cluster, patience)
        await cluster.start(nodes, port=port)
        parts += map(_part_of_node, cluster.nodes)
        exports = _exports(folder, database_url, bus, cluster.url)
        await Terminal(parts, cluster.url, exports, patience.enough).run()
        say("\nending; a second Ctrl-C does it at once ...")


def _exports(folder: Path, database_url: str, bus: NatsServer | None, url: str) -> str:
    """The shell's command that sets what the nodes have; the secret stays in its file."""
    settings = {"URL": url, "DATABASE_URL": database_url, "DEV": "true"}
    settings |= {"BUS_URL": bus.url()} if bus else {}
    texts = [f"{_PREFIX}{name}={shlex.quote(text)}" for name, text in settings.items()]
    secret = f'"$(cat {shlex.quote(str(folder / "secret"))})"'
    return " ".join(["export", *texts, f"{_PREFIX}JWT_SECRET={secret}"])


async def _postgres(folder: Path, stack: AsyncExitStack) -> PostgresServer:
    server = PostgresServer(folder=folder)
    server.own_group = True
    stack.push_async_callback(asyncio.to_thread, server.close)
    await asyncio.to_thread(server.start)
    return server


async def _bus(stack: AsyncExitStack) -> NatsServer:
    server = NatsServer()
    server.own_group = True
    stack.push_async_callback(asyncio.to_thread, server.close)
    await asyncio.to_thread(server.start)
    return server


def _settings(secret: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of all nodes, and overrides from the environment."""
    given = {
        name.removeprefix(_PREFIX): text
        for name, text in environ.items()
        if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) not in _OURS
    }
    return {
        "DEV": "true",
        "CONSOLE": "true",
        "JWT_SECRET": secret,
        "DATABASE_MIGRATE": "true",
        "LEASE_S": "3",  # short, so that a take-over can be watched
        "NODE_LEASE_S": "3",  # the same of the console's word for it
        "DRAIN_S": "2",
        **given,
    }


# --- parts ----------------------------------------------------------------------------------


def _part_of_node(node: Node) -> Part:
    assert isinstance(node, DevelopmentNode)
    return Part(
        node.name,
        lambda: node.url,
        lambda: node.pid,
        node.start,
        node.terminate,
        chat=True,
        node_id=lambda: node.node_id,
    )


def _part_of_server(name: str, server: PostgresServer | NatsServer, kill: signal.Signals) -> Part:
    async def start_again() -> None:
        for tries_left in reversed(range(_RESTART_TRIES)):
            try:
                await asyncio.to_thread(_let_go_and_start, server)
            except AssertionError as problem:  # processes of a killed PostgreSQL are still ending
                if not tries_left:
                    raise Refused(f"{name} did not start: {problem}") from None
                await asyncio.sleep(_RESTART_PAUSE_S)
            else:
                return

    return Part(
        name,
        lambda: f"127.0.0.1:{server.port}",
        lambda: server.pid,
        start_again,
        lambda: asyncio.to_thread(server.stop),
        kill,
    )


def _let_go_and_start(server: PostgresServer | NatsServer) -> None:
    server.stop()  # killed from outside: reap its process
    server.start()


async def _end(cluster: Cluster, patience: Patience) -> None:
    """End everything in order, as a deployment would, or at once after a second Ctrl-C."""

    async def in_order() -> None:
        running = [node for node in cluster.nodes if node.running]
        await asyncio.gather(*(node.terminate() for node in running), return_exceptions=True)

    ending = asyncio.create_task(in_order())
    impatience = asyncio.create_task(patience.gone.wait())
    await asyncio.wait({ending, impatience}, return_when=asyncio.FIRST_COMPLETED)
    impatience.cancel()
    await cluster.close()
    await ending


# --- the command line -----------------------------------------------------------------------


def main() -> int:
    """Parse the command line and serve; the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=FRONT_PORT, help="of the front (%(default)s)")
    parser.add_argument("--nodes", type=_number_of_nodes, default=3, help="1..9 (%(default)s)")
    parser.add_argument("--data", type=Path, help="a folder to keep; by default a temporary one")
    parser.add_argument(
        "--no-bus", action="store_true", help="without NATS: hints come once a second, by polling"
    )
    chosen = parser.parse_args()
    if (why := _unusable(chosen.port)) is not None:
        return _failed(f"{why}; choose another one with --port")
    with tempfile.TemporaryDirectory(prefix="threadcast-cluster-") as temporary:
        folder = chosen.data.resolve() if chosen.data else Path(temporary)
        if not chosen.data:
            folder.chmod(0o711)  # for root, PostgreSQL runs as nobody, who needs access
        try:
            folder.mkdir(parents=True, exist_ok=True)
            asyncio.run(
                serve(folder, port=chosen.port, nodes=chosen.nodes, with_bus=not chosen.no_bus)
            )
        except subprocess.CalledProcessError as failure:
            why = failure.stderr.decode(errors="replace").strip()
            return _failed(f"{Path(failure.cmd[0]).name}: {why}")
        except (AssertionError, ConfigurationError, OSError) as failure:
            return _failed(str(failure))
    return 0


def _unusable(port: int) -> str | None:
    """Why the front cannot listen there; checked before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OverflowError:
            return f"--port: expected 0..65535, got {port}"
        except OSError as problem:
            return f"port {port} on 127.0.0.1: {problem.strerror}"
    return None


def _number_of_nodes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= NODES_MAX:
        raise argparse.ArgumentTypeError(f"expected 1..{NODES_MAX}, got {text!r}")
    return int(text)


def _failed(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

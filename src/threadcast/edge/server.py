"""The outermost part of the server process: it binds, serves, and stops in the right order.

Stopping: the first SIGTERM or SIGINT refuses new WebSockets (503), lets the application drain
(`before_shutdown`), then closes what is left (1012), each in bounded time. A second signal skips
all of it. A requested stop is not a failure: `serve` returns and the process may exit 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import HANDLED_SIGNALS

from .config import EdgeConfig, ServeOptions
from .http import EdgeHttpProtocol
from .limits import EdgeLimits
from .websocket import EdgeWebSocketProtocol

log = logging.getLogger(__name__)

BeforeShutdown = Callable[[], Awaitable[None]]


class StartupError(Exception):
    """The application failed to start; its own log says why."""


class EdgeServer(uvicorn.Server):
    """One listening server. Made by `build_server`."""

    def __init__(self, config: EdgeConfig, before_shutdown: BeforeShutdown | None) -> None:
        super().__init__(config)
        self._edge = config
        self._before_shutdown = before_shutdown
        self._ready = asyncio.Event()
        self._cut_short = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bound_port: int | None = None

    @property
    def bound_port(self) -> int:
        """The port that it listens on, once `serve` has bound it.

        Raises:
            RuntimeError: it is not bound.
        """
        if self._bound_port is None:
            raise RuntimeError("the server is not bound to a port yet")
        return self._bound_port

    async def wait_ready(self) -> None:
        """Return once requests are accepted."""
        await self._ready.wait()

    @contextlib.contextmanager
    def checking_itself(self) -> Iterator[None]:
        """Log closes for a client's fault at debug within the block: the server causes one."""
        self._edge.checking = True
        try:
            yield
        finally:
            self._edge.checking = False

    def stop(self) -> None:
        """Ask for an orderly shutdown, as the first signal does."""
        self.should_exit = True

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, start the application, serve until asked to stop, and stop.

        Args:
            sockets: listening sockets to use; by default one is bound to host and port.

        Raises:
            OSError: the address cannot be bound (in use, privileged, not ours).
            StartupError: the application's start-up failed.
        """
        self._loop = asyncio.get_running_loop()
        listeners = sockets or [bind(self.config.host, self.config.port)]
        self._bound_port = listeners[0].getsockname()[1]
        try:
            await super().serve(listeners)
        except SystemExit as failure:
            raise StartupError("the application's start-up failed") from failure
        finally:
            for listener in listeners:
                listener.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by `serve`."""
        await super().startup(sockets)
        self._ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by `serve` after the first signal or `stop`."""
        self._edge.draining = True
        if self._before_shutdown is not None and not self.force_exit:
            await self._drain(self._before_shutdown)
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def _drain(self, before_shutdown: BeforeShutdown) -> None:
        drain = asyncio.ensure_future(before_shutdown())
        cut_short = asyncio.ensure_future(self._cut_short.wait())
        done, pending = await asyncio.wait(
            (drain, cut_short),
            timeout=self._edge.limits.drain_max_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if drain not in done:
            log.warning("draining did not end in time; closing connections now")
        elif drain.exception() is not None:
            log.error("draining failed; closing connections now", exc_info=drain.exception())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM while serving; unlike uvicorn, do not raise them again."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's
        """The first signal asks to stop, the second one to stop now."""
        if self.should_exit:
            self.force_exit = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._cut_short.set)
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket.

    Raises:
        OSError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2_048)


def build_server(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    limits: EdgeLimits,
    before_shutdown: BeforeShutdown | None = None,
    options: ServeOptions | None = None,
) -> EdgeServer:
    """Put a server together; nothing is bound before `serve` or `run`.

    Args:
        app: an ASGI 3 application.
        host: address or name to bind.
        port: 0..65535; 0 takes a free one.
        limits: the bounds to keep.
        before_shutdown: awaited once when a stop is asked for, before connections are closed; at
            most `limits.drain_max_s` seconds, then it is cancelled.
        options: usually left at their defaults.
    """
    config = EdgeConfig(
        app,
        host=host,
        port=port,
        limits=limits,
        options=options or ServeOptions(),
        http=EdgeHttpProtocol,
        ws=EdgeWebSocketProtocol,
    )
    return EdgeServer(config, before_shutdown)

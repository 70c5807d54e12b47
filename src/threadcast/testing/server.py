"""A real server in a thread of its own, on a free port of this machine, with a database of its own.

It is wired like `threadcast serve`: the same edge, the same limits, real sockets and real commits.
Import it from this module, because it loads the whole server.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from ..agent import Agent
from ..agents.demo import demo_agent
from ..app import STREAM_PATH, WEBSOCKET_PATH, Threadcast
from ..bus import Bus
from ..cli.serve import edge_limits
from ..clock import Clock
from ..edge import EdgeServer, ServeOptions, build_server
from ..ids import UnifiedIdGenerator
from ..node import Node
from ..settings import Settings
from ..store import Store
from .auth import E2EAuthHelper

T = TypeVar("T")

START_MAX_S = 20.0
STOP_MAX_S = 20.0
_HOST = "127.0.0.1"


class LocalServer:
    """A running server; `with LocalServer() as server` starts and stops it.

    Args:
        agents: the agents, the first by default; without any, the demonstration agent without its
            pauses.
        folder: where the database is; None makes one that is removed at the end.
        prefix: the path that the server is mounted under, such as `/chat`; empty for none.
        clock, bus: replace the machine's and the settings'.
        store: replaces the one in the folder; opened and closed with the server.
        **settings: of `Settings`; without a key it gets a secret of its own.

    Attributes:
        settings: its settings.
        node: its parts; use them on its own thread only, see `on_loop`.

    Raises:
        ConfigurationError: a setting cannot be used.
    """

    def __init__(
        self,
        agents: Sequence[Agent] = (),
        *,
        folder: Path | None = None,
        prefix: str = "",
        clock: Clock | None = None,
        store: Store | None = None,
        bus: Bus | None = None,
        **settings: Any,
    ) -> None:
        with ExitStack() as stack:
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self.settings = _settings(folder, settings)
            self._stack = stack.pop_all()
        self.node: Node
        self._agents = list(agents) or [demo_agent(0.0)]
        self._prefix = prefix.rstrip("/")
        self._clock = clock
        self._store = store
        self._bus = bus
        self._server: EdgeServer
        self._loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()
        self._failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Start it and return once it listens; start-up errors are raised here.

        Raises:
            RuntimeError: it was started before.
        """
        if self._thread.ident is not None:
            raise RuntimeError("this LocalServer ran already; make another one")
        self._thread.start()
        if not self._ready.wait(START_MAX_S):
            raise TimeoutError(f"the server did not start within {START_MAX_S:g} s")
        if self._failure:
            self._stack.close()
            raise self._failure[0]
        return self

    def __exit__(self, *_details: object) -> None:
        """Stop it; errors that ended it earlier are raised here."""
        self.stop()
        self._thread.join(STOP_MAX_S)
        if self._thread.is_alive():
            raise TimeoutError(f"the server did not stop within {STOP_MAX_S:g} s")
        self._stack.close()
        if self._failure:
            raise self._failure[0]

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            RuntimeError: it was not started.
        """
        if not self._ready.is_set():
            raise RuntimeError("this LocalServer does not run: `with LocalServer() as server`")
        return self._server.bound_port

    @property
    def url(self) -> str:
        """Its URL, for `connect`."""
        return f"http://{_HOST}:{self.port}{self._prefix}"

    @property
    def auth(self) -> E2EAuthHelper:
        """Makes tokens that this server accepts.

        Raises:
            ValueError: it has a public key or a key set, so no tokens can be made.
        """
        if self.settings.jwt_secret is None:
            raise ValueError("this server has no secret: make an E2EAuthHelper with your key")
        return E2EAuthHelper(
            secret=self.settings.jwt_secret,
            audience=self.settings.jwt_audience,
            issuer=self.settings.jwt_issuer,
            plan_claim=self.settings.jwt_plan_claim,
        )

    def stop(self) -> None:
        """Request a stop, like a signal."""
        self._server.stop()

    async def on_loop(self, function: Callable[[], Awaitable[T]]) -> T:
        """Await something in the server's thread."""

        async def awaited() -> T:
            return await function()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(awaited(), self._loop))

    def application(self, threadcast: Threadcast) -> ASGIApp:
        """The served application; a subclass may wrap it."""
        if not self._prefix:
            return threadcast.asgi()
        return Starlette(routes=[Mount(self._prefix, app=threadcast.asgi())])

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - raised again where it was started
            self._failure.append(failure)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        threadcast = Threadcast(
            self.settings,
            self._agents,
            listens_on=_HOST,
            clock=self._clock,
            store=self._store,
            bus=self._bus,
        )
        self.node = threadcast.node
        self._server = build_server(
            self.application(threadcast),
            host=_HOST,
            port=0,
            limits=edge_limits(self.settings, drain_max_s=self.node.drain_max_s),
            before_shutdown=self.node.drain,
            options=ServeOptions(
                websocket_paths=(f"{self._prefix}{WEBSOCKET_PATH}",),
                stream_paths=(f"{self._prefix}{STREAM_PATH}",),
                lifespan="off",
                in_lull=self.node.lulls.call,
            ),
        )
        async with threadcast.lifespan():
            serving = asyncio.ensure_future(self._server.serve())
            ready = asyncio.ensure_future(self._server.wait_ready())
            await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            self._ready.set()
            await serving


def _settings(folder: Path, given: dict[str, Any]) -> Settings:
    """The given settings, with a database in the folder and a secret added if missing."""
    chosen = {"database_url": f"sqlite:///{folder / 'events.db'}", "drain_s": 0.0, **given}
    if not {"jwt_secret", "jwt_public_key", "jwt_jwks_url"} & given.keys():
        chosen["jwt_secret"] = UnifiedIdGenerator.generate_base_id("secret", random_length=32)
    return Settings(**chosen)


def _new_loop() -> asyncio.AbstractEventLoop:
    """The event loop that `threadcast serve` uses, if available."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()

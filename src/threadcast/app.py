"""The Threadcast server as an ASGI application, mountable anywhere."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from .agent import Agent
from .agents import DEMO_NAME, default_agents, load_agent
from .bus import Bus
from .clock import Clock
from .errors import ConfigurationError, ThreadcastError
from .http import IdRefusal, http_routes, no_such_path, page_check
from .ids.legacy import is_plain, legacy_kind
from .node import Node
from .page import PageFacts, Pages, SignInService
from .schemas.operations import OPERATIONS
from .settings import LiveChange, Settings
from .store import Store
from .validation.middleware import SSOTValidationMiddleware

WEBSOCKET_PATH = "/v1/ws"
STREAM_PATH = "/v1/events"


class Threadcast:
    """A Threadcast server.

    To mount it in another application, hand that application its lifespan:

        threadcast = Threadcast(Settings(jwt_secret=...), agents=[my_agent])
        app = FastAPI(lifespan=threadcast.lifespan)
        app.mount("/chat", threadcast.asgi())

    Args:
        settings: the server's; the defaults when not given.
        agents: they answer messages, the first by default. Without any, the settings' `agents`
            (`module:name`) are loaded; without those, the bundled agents are used.
        listens_on: the address that the server is bound to, where it is known.
        clock, store, bus: replace what the settings ask for, in tests.

    Raises:
        ConfigurationError: the settings or an agent cannot be used.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        agents: Sequence[Agent] = (),
        *,
        listens_on: str = "",
        clock: Clock | None = None,
        store: Store | None = None,
        bus: Bus | None = None,
    ) -> None:
        settings = settings or Settings()
        if isinstance(agents, Agent):
            raise ConfigurationError("agents: expected a sequence of agents, got one Agent")
        chosen = list(agents) or [load_agent(name) for name in settings.agents]
        self.node = Node(
            settings,
            chosen or default_agents(os.environ),
            listens_on=listens_on,
            clock=clock,
            store=store,
            bus=bus,
        )
        self._running = False

    def asgi(self) -> ASGIApp:
        """The application: API, sockets and pages. It serves only while `lifespan` runs."""
        settings, pages = self.node.settings, list[BaseRoute]()
        if settings.role != "worker":
            site = Pages(self._page_facts(settings), refuse=page_check(self.node))
            self.node.settings_takers.append(lambda taken: site.tell(self._page_facts(taken)))
            pages += site.routes
        router = Starlette(routes=http_routes(self.node, pages), lifespan=self.lifespan)
        refuse_http = IdRefusal(self.node)

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await router(scope, receive, send)
                return
            self._require_running()
            if _is_socket(scope):
                await self.node.gateway(scope, receive, send)
            elif scope["type"] == "websocket":
                await self.node.gateway.deny(no_such_path(), scope, receive, send)
            else:
                await router(scope, receive, send)

        async def refuse(
            error: ThreadcastError, scope: Scope, receive: Receive, send: Send
        ) -> None:
            self._require_running()
            if _is_socket(scope):
                await self.node.gateway.refuse(error, scope, receive, send)
            elif scope["type"] == "http":
                await refuse_http(error, scope, receive, send)
            else:
                await application(scope, receive, send)

        return SSOTValidationMiddleware(
            application,
            mode=self.node.checks.ids,
            paths=[one.path for one in OPERATIONS],
            legacy_kind_of=self._legacy_kind_of,
            statistics=self.node.id_statistics,
            refuse=refuse,
            clock=self.node.clock,
        )

    def _page_facts(self, settings: Settings) -> PageFacts:
        service = None
        if settings.oidc_issuer is not None and settings.oidc_client_id is not None:
            issuer = urlsplit(settings.oidc_issuer)
            service = SignInService(
                issuer=settings.oidc_issuer,
                client_id=settings.oidc_client_id,
                scope=settings.oidc_scope,
                origins=(f"{issuer.scheme}://{issuer.netloc}", *settings.oidc_origins),
            )
        return PageFacts(
            dev=settings.dev,
            demo=next(iter(self.node.agents)) == DEMO_NAME,
            oidc=service,
            embedding=settings.embedding_origins,
            console=settings.console,
        )

    def _legacy_kind_of(self, text: str) -> str | None:
        """The shape of a legacy id; any plain text counts where the store has such aliases."""
        if kind := legacy_kind(text):
            return kind
        return "plain" if self.node.store.has_plain_aliases and is_plain(text) else None

    def take_settings(self, settings: Settings) -> LiveChange:
        """Apply those of these settings that need no restart.

        Returns:
            What was `applied` and which keys are `waiting` for a restart.

        Raises:
            ConfigurationError: the live settings contradict those that have to wait; nothing
                changed.
        """
        return self.node.take_settings(settings)

    @asynccontextmanager
    async def lifespan(self, _app: Any = None) -> AsyncIterator[None]:
        """Run the server; give this to the ASGI application that serves or mounts it.

        Raises:
            ConfigurationError: the store cannot be used as configured.
            RuntimeError: it is already running.
        """
        if self._running:
            raise RuntimeError("this Threadcast runs already; a second server needs its own")
        self._running = True
        try:
            await self.node.start()
            yield
        finally:
            await self.node.stop()
            self._running = False

    def _require_running(self) -> None:
        if not self._running:
            raise RuntimeError(
                "Threadcast's lifespan was never started: pass lifespan=threadcast.lifespan to "
                "the application that mounts it"
            )


def _is_socket(scope: Scope) -> bool:
    return scope["type"] == "websocket" and _path(scope) == WEBSOCKET_PATH


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))

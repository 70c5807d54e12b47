"""uvicorn's configuration plus what the edge needs, as one value for all protocols.

It may not know the application beyond its ASGI callable.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from .admission import AdmissionQueue, Defer
from .limits import EdgeLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Options of a server besides its address and limits.

    Attributes:
        websocket_paths: raw paths for WebSockets only; other requests get 426 or 405.
        stream_paths: paths of event streams, whose responses last as long as their readers.
        trusted_proxies: addresses whose `X-Forwarded-*` headers are trusted.
        lifespan: whether the application supports ASGI lifespan.
        in_lull: calls a function soon, in a lull of the application, when admitting a reader delays
            the others least; by default any moment will do.
    """

    websocket_paths: tuple[str, ...] = ("/v1/ws",)
    stream_paths: tuple[str, ...] = ("/v1/events",)
    trusted_proxies: tuple[str, ...] = ()
    lifespan: Literal["auto", "on", "off"] = "auto"
    in_lull: Defer | None = None


class EdgeConfig(uvicorn.Config):
    """uvicorn's settings, with everything off that the edge replaces.

    Attributes:
        limits: the bounds that the protocols enforce.
        websocket_paths: raw paths for WebSockets only.
        stream_paths: paths of event streams.
        reader_paths: both.
        admission: the admission queue of new connections.
        draining: set when shutdown begins; upgrades are refused from then on.
        checking: set while the server tests its own limits; closes are then logged at debug level.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        limits: EdgeLimits,
        options: ServeOptions,
        http: type[asyncio.Protocol],
        ws: type[asyncio.Protocol],
    ) -> None:
        self.limits = limits
        self.websocket_paths = frozenset(path.encode("ascii") for path in options.websocket_paths)
        self.stream_paths = frozenset(path.encode("ascii") for path in options.stream_paths)
        self.reader_paths = self.websocket_paths | self.stream_paths
        self.admission = AdmissionQueue(in_lull=options.in_lull)
        self.draining = False
        self.checking = False
        super().__init__(
            app,
            host=host,
            port=port,
            http=http,
            ws=ws,
            ws_max_size=limits.message_max_bytes,
            ws_per_message_deflate=False,
            interface="asgi3",
            lifespan=options.lifespan,
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=bool(options.trusted_proxies),
            forwarded_allow_ips=list(options.trusted_proxies),
            server_header=False,
            timeout_keep_alive=limits.keep_alive_s,  # type: ignore[arg-type]  # fractions work
            timeout_graceful_shutdown=limits.shutdown_grace_s,
        )

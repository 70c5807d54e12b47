"""`threadcast serve`: one node, from its settings to its orderly end."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click

from ..agents import load_agent
from ..app import STREAM_PATH, WEBSOCKET_PATH, Threadcast
from ..auth.dev_tokens import load_or_make_secret
from ..edge import (
    EdgeLimits,
    EdgeServer,
    EffectiveLimitError,
    ServeOptions,
    build_server,
    check_effective_limits,
)
from ..errors import ConfigurationError
from ..page import NOT_BUILT, pages_are_built
from ..settings import Settings, dev_secret_path, is_postgres, risks, sqlite_path
from ..settings.sources import read_settings, settings_file
from ..store.sqlite import check_early
from . import exits
from .ending import run_to_the_end
from .listening import listen
from .logs import configure_logging
from .options import settings_options
from .reload import SettingsReload, ignore_hangup

_SWITCH_INTERVAL_S = 0.0001  # by default the writer's thread waits 5 ms for each turn
# Collecting 300 new objects blocks the loop for less than 1 ms, and 2,000 for up to 8 where clients
# just came. Full collections take 300 ms with 5,000 clients, and find hardly anything but what
# agents leave behind: one in 300 x 2 x 7,000 new objects (0.6 GB).
_GC_THRESHOLDS = (300, 1, 7_000)
_GRACE_S = 1


@click.command("serve")
@click.option("--strict", is_flag=True, help="Refuse to start where there is a warning.")
@settings_options
def command(overrides: dict[str, object], config_path: Path | None, *, strict: bool) -> None:
    """Run a server until SIGTERM or Ctrl-C."""
    ignore_hangup()
    environ = dict(os.environ)
    found = settings_file(environ, config_path)
    settings = read_settings(overrides, environ, found).settings
    configure_logging(settings.log_level, settings.log_format)
    _tune_interpreter()
    sys.path.insert(0, "")  # agents may be modules in the current folder
    _warn(settings, strict=strict)
    agents = [load_agent(name) for name in settings.agents]
    with closing(listen(settings.host, settings.port)) as listener:
        if not is_postgres(settings.database_url):
            check_early(sqlite_path(settings.database_url))
        settings = with_credential(settings)  # may create a file, so only after the other checks
        threadcast = Threadcast(settings, agents, listens_on=settings.host)

        def read_again() -> Settings:
            return with_credential(read_settings(overrides, environ, found or config_path).settings)

        run_to_the_end(serve_on(threadcast, settings, listener, read_again), _loop_factory())


def _warn(settings: Settings, *, strict: bool) -> None:
    """Warn of risky settings.

    Raises:
        ConfigurationError: there are warnings, and `strict` is set.
    """
    lines = risks(settings)
    if lines and strict:
        more = f" (and {len(lines) - 1} more; see threadcast doctor)" if len(lines) > 1 else ""
        raise ConfigurationError(f"{lines[0]}{more}; --strict allows none")
    for line in lines:
        click.echo(f"warning: {line}", err=True)


def with_credential(settings: Settings) -> Settings:
    """Add the development secret in development mode.

    Raises:
        ConfigurationError: no credential is configured, or the secret cannot be stored.
    """
    if settings.jwt_secret or settings.jwt_public_key or settings.jwt_jwks_url:
        return settings
    if settings.dev:
        return replace(settings, jwt_secret=load_or_make_secret(dev_secret_path(settings)))
    raise ConfigurationError(
        "no credential is configured: set THREADCAST_JWT_SECRET (32 bytes or more), "
        "THREADCAST_JWT_PUBLIC_KEY or THREADCAST_JWT_JWKS_URL, or use --dev on your own machine"
    )


def edge_limits(settings: Settings, *, drain_max_s: float) -> EdgeLimits:
    """The edge's limits from the settings.

    Args:
        settings: the server's.
        drain_max_s: how long the node's `drain` may take, in seconds.
    """
    return EdgeLimits(
        header_timeout_s=settings.header_timeout_s,
        header_max_bytes=settings.header_max_bytes,
        message_before_authentication_max_bytes=settings.message_before_authentication_max_bytes,
        message_max_bytes=settings.message_max_bytes,
        fragments_max=settings.fragments_max,
        receive_queue_max_messages=settings.commands_in_flight_max,
        heartbeat_s=settings.heartbeat_s,
        partial_message_timeout_s=settings.partial_message_timeout_s,
        stall_max_s=settings.stall_max_s,
        send_buffer_max_bytes=settings.send_buffer_max_bytes,
        drain_max_s=drain_max_s,
        shutdown_grace_s=_GRACE_S,
    )


async def serve_on(
    threadcast: Threadcast,
    settings: Settings,
    listener: socket.socket,
    read_again: Callable[[], Settings],
) -> None:
    """Serve an application on a listening socket until a stop is requested.

    Args:
        threadcast: not running yet.
        settings: the application's.
        listener: bound, and open until this returns.
        read_again: reads the settings again, after SIGHUP.

    Raises:
        ConfigurationError: the store cannot be used as configured.
        CommandFailed: a vital task of the server ended.
    """
    node = threadcast.node
    limits = edge_limits(settings, drain_max_s=node.drain_max_s)
    server = build_server(
        threadcast.asgi(),
        host=settings.host,
        port=settings.port,
        limits=limits,
        before_shutdown=node.drain,
        options=ServeOptions(
            websocket_paths=(WEBSOCKET_PATH,),
            stream_paths=(STREAM_PATH,),
            lifespan="off",
            trusted_proxies=settings.trusted_proxies,
            in_lull=node.lulls.call,
        ),
    )
    reload = SettingsReload(threadcast, read_again)
    with reload.on_hangup():  # also during start and stop, where SIGHUP would end the process
        async with threadcast.lifespan():
            watch = asyncio.ensure_future(_watch(server, node.failed))
            announce = asyncio.ensure_future(_announce(server, settings, limits))
            reloading = asyncio.ensure_future(reload.run())
            try:
                await server.serve([listener])
                if announce.done():
                    announce.result()
            finally:
                watch.cancel()
                announce.cancel()
                reloading.cancel()
                await asyncio.gather(watch, announce, reloading, return_exceptions=True)
    if node.failed.is_set():
        raise exits.CommandFailed("a part of the server has ended; see the log", exits.SOFTWARE)


async def _watch(server: EdgeServer, failed: asyncio.Event) -> None:
    await failed.wait()
    server.stop()


async def _announce(server: EdgeServer, settings: Settings, limits: EdgeLimits) -> None:
    await server.wait_ready()
    host = _reachable(settings.host)
    address = f"[{host}]:{server.bound_port}" if ":" in host else f"{host}:{server.bound_port}"
    if settings.role == "worker":
        click.echo(f"Threadcast is listening. Open http://{address}/readyz: it only executes runs.")
    else:
        await _check_limits(server, settings, limits, host, address)
        click.echo(f"Threadcast is listening. Open http://{address}/")
        if not pages_are_built():
            click.echo(f"note: {NOT_BUILT}", err=True)
    if settings.dev:
        click.echo(
            "DEVELOPMENT MODE: whoever can reach this address can sign in under any name. "
            "Never use it for other people's data.",
            err=True,
        )
    sys.stdout.flush()


async def _check_limits(
    server: EdgeServer, settings: Settings, limits: EdgeLimits, host: str, address: str
) -> None:
    """Verify the server's own message limit before clients rely on it."""
    named = settings.allowed_hosts[0] if settings.allowed_hosts else address
    as_a_page = (("Host", named), ("Origin", f"http://{named}"))
    try:
        with server.checking_itself():
            await check_effective_limits(server.bound_port, limits, host=host, headers=as_a_page)
    except EffectiveLimitError as error:
        server.stop()
        raise exits.CommandFailed(str(error), exits.SOFTWARE) from error


def _reachable(host: str) -> str:
    """A local address of a server that is bound to `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here


def _tune_interpreter() -> None:
    """Tune the interpreter for a server; measured by `scripts/bench`."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop

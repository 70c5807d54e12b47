"""The HTTP routes: every path and method in one list, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute, Route

from ..node import Node
from . import (
    actions,
    alerts,
    connections,
    consistency,
    console,
    ingest,
    nodes,
    operations,
    runs,
    sessions,
    sse,
    threads,
    validation,
)
from .entrance import (
    ForAnyone,
    ForConsole,
    ForReader,
    ForScope,
    ForUser,
    HttpEntrance,
    Method,
    Resource,
)

_NOT_SERVED = dict.fromkeys(
    ("GET", "POST", "PUT", "PATCH", "DELETE"), ForAnyone(operations.not_served)
)


def http_routes(node: Node, pages: Sequence[BaseRoute] = ()) -> list[BaseRoute]:
    """All routes: the API's, then `pages`, then a `not_found` for every other path.

    Args:
        node: the server's parts; they need not be started yet.
        pages: routes that are not resources of the API.

    A worker serves only probes, metrics and operators, and refuses everything else as `wrong_role`.
    """
    entrance = HttpEntrance(node)

    def at(path: str, **methods: Method) -> Route:
        return Route(path, Resource(entrance, methods, path))

    if node.settings.role == "worker":
        return [*_probes(at), at("/{path:path}", **_NOT_SERVED)]
    dev = operations.dev_token_methods(dev=node.settings.dev)
    return [
        at(
            "/v1/threads",
            GET=ForUser("http", threads.list_threads),
            POST=ForUser("thread", threads.create_thread),
        ),
        at(
            "/v1/threads/{thread_id}",
            GET=ForUser("http", threads.get_thread),
            PATCH=ForUser("http", threads.update_thread),
            DELETE=ForUser("http", threads.delete_thread),
        ),
        at(
            "/v1/threads/{thread_id}/messages",
            GET=ForUser("http", threads.list_messages),
            POST=ForUser("chat", threads.send_message),
        ),
        at("/v1/messages", POST=ForUser("chat", threads.send_first_message)),
        at("/v1/threads/{thread_id}/events", GET=ForUser("http", threads.list_events)),
        at("/v1/runs/{run_id}", GET=ForUser("http", runs.get_run)),
        at("/v1/runs/{run_id}/cancel", POST=ForUser("http", runs.cancel_run)),
        at("/v1/runs/{run_id}/respond", POST=ForUser("http", runs.respond)),
        at("/v1/events", GET=ForReader("connect", sse.stream_events)),
        at("/v1/ingest", POST=ForScope(("ingest",), "ingest", ingest.ingest_events)),
        at("/v1/connections", GET=ForUser("http", connections.list_connections)),
        at(
            "/v1/connections/{connection_id}",
            DELETE=ForUser("http", connections.close_connection),
        ),
        at("/v1/sessions/revoke", POST=ForUser("http", sessions.revoke_sessions)),
        *_probes(at),
        *_for_operators(at),
        *_for_the_console(at),
        at("/openapi.json", GET=ForAnyone(operations.openapi)),
        at("/asyncapi.json", GET=ForAnyone(operations.asyncapi)),
        at("/dev/token", **dev),
        *pages,
        at("/{path:path}"),
    ]


def _probes(at: Callable[..., Route]) -> list[BaseRoute]:
    """Routes of every node, whatever its role: health, readiness, metrics."""
    return [
        at("/healthz", GET=ForAnyone(operations.health)),
        at("/readyz", GET=ForAnyone(operations.readiness)),
        at("/metrics", GET=ForAnyone(operations.metrics)),
    ]


def _for_operators(at: Callable[..., Route]) -> list[BaseRoute]:
    scope = ("ops",)
    return [
        at("/ops/nodes", GET=ForScope(scope, "ops", nodes.list_nodes)),
        at("/ops/connections/close", POST=ForScope(scope, "ops", connections.close_connections)),
        at("/ops/validation", GET=ForScope(scope, "ops", validation.get_validation)),
        at("/ops/alerts", GET=ForScope(scope, "ops", alerts.get_alerts)),
        at("/ops/consistency", GET=ForScope(scope, "ops", consistency.consistency_report)),
    ]


def _for_the_console(at: Callable[..., Route]) -> list[BaseRoute]:
    return [
        at("/ops/overview", GET=ForConsole(console.get_overview, while_unavailable=True)),
        at("/ops/series", GET=ForConsole(console.get_series, while_unavailable=True)),
        at("/ops/users/find", POST=ForConsole(console.find_user)),
        at("/ops/runs", GET=ForConsole(console.list_live_runs)),
        at("/ops/runs/{run_id}", GET=ForConsole(console.find_run)),
        at("/ops/runs/{run_id}/timeline", GET=ForConsole(console.get_timeline)),
        at("/ops/actions", GET=ForConsole(actions.list_actions)),
        at("/ops/actions/disconnect", POST=ForConsole(actions.disconnect)),
        at("/ops/actions/sign_out", POST=ForConsole(actions.sign_out)),
        at("/ops/actions/cancel_run", POST=ForConsole(actions.cancel_run)),
        at("/ops/actions/drain_node", POST=ForConsole(actions.drain_node)),
    ]

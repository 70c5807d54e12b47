"""Routes outside `/v1`: health, readiness, metrics, published documents, development tokens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp

from ..auth.dev_tokens import mint
from ..auth.identity import Scope
from ..errors import ThreadcastError
from ..ids import USER_ID_MAX_CHARACTERS, UnifiedIdGenerator
from ..schemas import asyncapi_document, openapi_document
from ..wire.http_models import Health, Readiness
from ..wire.json_problems import check_user
from .answers import JSON_TYPE, json_answer
from .calls import Call
from .entrance import ForAnyone, ForScope, no_such_path
from .requests import is_local, read_query

_METRICS_SCOPES = ("metrics", "ops")
_DEV_TOKEN_LIFE_S = 12 * 3_600.0


class DevTokenBody(msgspec.Struct, frozen=True):
    """The user to be, and scopes: `ops` and `content` for the operator's console."""

    user: Annotated[str, Meta(min_length=1, max_length=USER_ID_MAX_CHARACTERS)]
    scopes: Annotated[list[Scope], Meta(max_length=4)] = []


class DevToken(msgspec.Struct, frozen=True):
    """A token for development; `expires_at` is in seconds since the epoch."""

    token: str
    user_id: str
    expires_at: float


async def health(call: Call) -> ASGIApp:
    """`GET /healthz`: the process answers; nothing else is checked."""
    read_query(call.request)
    return json_answer(Health())


async def readiness(call: Call) -> ASGIApp:
    """`GET /readyz`: whether this node takes work.

    `degraded` without fresh signing keys, because known keys still work, and without the bus,
    because the head poll finds what other nodes commit.
    """
    read_query(call.request)
    node = call.node
    stops = {
        "draining": (node.draining, "the server is about to stop"),
        "parts": (node.failed.is_set(), "a part of the server has ended"),
        "store": (not node.store.healthy, "the store cannot be used"),
    }
    checks = {name: text if bad else "ok" for name, (bad, text) in stops.items()}
    weak = {
        "signing_keys": (node.authenticator.degraded, "signing keys cannot be fetched"),
        "bus": (not node.bus.connected, "the bus is away; events of other nodes come later"),
    }
    checks |= {name: f"degraded: {text}" if bad else "ok" for name, (bad, text) in weak.items()}
    role, degraded = node.settings.role, any(bad for bad, _ in weak.values())
    if any(bad for bad, _ in stops.values()):
        return json_answer(Readiness(status="not_ready", role=role, checks=checks), 503)
    status: Literal["ready", "degraded"] = "degraded" if degraded else "ready"
    return json_answer(Readiness(status=status, role=role, checks=checks))


async def metrics(call: Call) -> ASGIApp:
    """`GET /metrics`: from this machine, or with the scope `metrics` or `ops`."""
    read_query(call.request)
    if not is_local(call.request):
        return await ForScope(_METRICS_SCOPES, "metrics", _exposition).run(call)
    return await _exposition(call)


async def _exposition(call: Call) -> ASGIApp:
    headers = {"content-type": CONTENT_TYPE_LATEST}
    return Response(call.node.metrics.exposition(), headers=headers)


async def not_served(_: Call) -> ASGIApp:
    """A worker's answer to requests for users.

    Raises:
        ThreadcastError: `wrong_role`.
    """
    raise ThreadcastError("wrong_role")


async def openapi(call: Call) -> ASGIApp:
    """`GET /openapi.json`."""
    read_query(call.request)
    return Response(_document(openapi_document), media_type=JSON_TYPE)


async def asyncapi(call: Call) -> ASGIApp:
    """`GET /asyncapi.json`."""
    read_query(call.request)
    return Response(_document(asyncapi_document), media_type=JSON_TYPE)


@cache
def _document(make: Callable[[str], dict[str, Any]]) -> bytes:
    return msgspec.json.encode(make(version("threadcast")))


async def dev_token(call: Call) -> ASGIApp:
    """`POST /dev/token`: a token for any user, on a development server, from this machine only."""
    settings = call.node.settings
    if not (settings.dev and settings.jwt_secret and is_local(call.request)):
        raise no_such_path()
    read_query(call.request)
    body = await call.body(DevTokenBody)
    user_id = body.user
    check_user(user_id)
    now = call.node.clock.now()
    lifetime_s = min(_DEV_TOKEN_LIFE_S, settings.jwt_lifetime_max_s or _DEV_TOKEN_LIFE_S)
    token = mint(
        settings.jwt_secret,
        user_id,
        scopes=body.scopes,
        now=now,
        lifetime_s=lifetime_s,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        token_id=UnifiedIdGenerator.generate_base_id("token"),
    )
    return json_answer(DevToken(token, user_id, now + lifetime_s))


def dev_token_methods(*, dev: bool) -> dict[str, ForAnyone]:
    """The methods of `/dev/token`; none outside development mode."""
    return {"POST": ForAnyone(dev_token)} if dev else {}

"""The operator console's queries: overview, series, look-ups, a run's timeline."""

from __future__ import annotations

from typing import get_args

from starlette.types import ASGIApp

from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..runs import RunStatus
from ..wire.json_problems import check_id, check_user
from ..wire.look_up_models import TIMELINE_LIMIT_DEFAULT, TIMELINE_LIMIT_MAX, FindUserBody
from ..wire.overview_models import LiveStatus
from .answers import json_answer
from .calls import UserCall
from .paging import read_cursor, read_limit
from .requests import read_query

_CONTENT = "content"
_STATUSES: tuple[str, ...] = get_args(LiveStatus)


async def get_overview(call: UserCall) -> ASGIApp:
    """`GET /ops/overview`: of all nodes, as far as the store answers."""
    read_query(call.request)
    return json_answer(await call.node.operators.view.overview())


async def get_series(call: UserCall) -> ASGIApp:
    """`GET /ops/series?since&node_id`: the last hour, or the part after `since`, of a node."""
    query = read_query(call.request, "since", "node_id")
    after = _read_time(query.get("since"))
    return json_answer(call.node.operators.view.series(after, query.get("node_id")))


async def find_user(call: UserCall) -> ASGIApp:
    """`POST /ops/users/find`: the user is named in the body; no user id appears in a URL."""
    read_query(call.request)
    body = await call.body(FindUserBody)
    check_user(body.user)
    context = UserExecutionContext.create(body.user, "ops", request_id=call.context.request_id)
    return json_answer(await call.node.operators.look_ups.user(context, now=call.node.clock.now()))


async def list_live_runs(call: UserCall) -> ASGIApp:
    """`GET /ops/runs?status&limit`: oldest first."""
    query = read_query(call.request, "status", "limit")
    status, limit = query.get("status"), read_limit(query.get("limit"))
    if status is not None and status not in _STATUSES:
        raise ThreadcastError("bad_query", f"status: expected {' or '.join(_STATUSES)}")
    wanted = None if status is None else RunStatus(status)
    return json_answer(await call.node.operators.look_ups.live_runs(wanted, limit=limit))


async def find_run(call: UserCall) -> ASGIApp:
    """`GET /ops/runs/{run_id}`: of any user."""
    read_query(call.request)
    return json_answer(await call.node.operators.look_ups.run(_run_id(call)))


async def get_timeline(call: UserCall) -> ASGIApp:
    """`GET /ops/runs/{run_id}/timeline?after&limit`: texts only with the scope `content`."""
    query = read_query(call.request, "after", "limit")
    timeline = await call.node.operators.look_ups.timeline(
        _run_id(call),
        after=read_cursor(query.get("after")) or 0,
        limit=read_limit(
            query.get("limit"), default=TIMELINE_LIMIT_DEFAULT, most=TIMELINE_LIMIT_MAX
        ),
        content=_CONTENT in call.identity.scopes,
    )
    return json_answer(timeline)


def _run_id(call: UserCall) -> str:
    run_id: str = call.request.path_params["run_id"]
    check_id("run_id", run_id, "run")
    return run_id


def _read_time(text: str | None) -> float:
    """Seconds since the epoch; 0 if absent.

    Raises:
        ThreadcastError: `bad_query`.
    """
    if text is None:
        return 0.0
    whole, _, fraction = text.partition(".")
    plain = text.isascii() and whole.isdigit() and (fraction or "0").isdigit() and len(text) <= 20
    if not plain:
        raise ThreadcastError("bad_query", "since: expected seconds since the epoch")
    return float(text)

"""Operators' actions, `/ops/actions/...`, and their trail, `/ops/actions`.

Every body names its target twice, so that a slip of the hand does nothing.
"""

from __future__ import annotations

from dataclasses import asdict

from starlette.types import ASGIApp

from ..errors import ThreadcastError
from ..operators.actions import Operator
from ..store.records import ActionRow
from ..wire.action_models import (
    Action,
    ActionPage,
    CancelRunBody,
    DisconnectBody,
    DrainNodeBody,
    SignOutBody,
)
from ..wire.json_problems import check_id, check_user
from .answers import json_answer
from .calls import UserCall
from .paging import page_token, read_limit, read_page_token
from .requests import read_query

_LIST = "actions"


async def list_actions(call: UserCall) -> ASGIApp:
    """`GET /ops/actions?limit&before`: the latest first."""
    query = read_query(call.request, "limit", "before")
    limit = read_limit(query.get("limit"))
    user_id = call.context.user_id
    before = read_page_token(query.get("before"), user_id, _LIST)
    rows = await call.node.store.actions(limit=limit, before=before)
    more = len(rows) == limit
    return json_answer(
        ActionPage(
            actions=[_action(row) for row in rows],
            next=page_token(user_id, _LIST, rows[-1].ordinal) if more else None,
        )
    )


async def disconnect(call: UserCall) -> ASGIApp:
    """`POST /ops/actions/disconnect`: all connections of a user, or one."""
    read_query(call.request)
    body = await call.body(DisconnectBody)
    check_user(body.user)
    if body.connection_id is not None:
        check_id("connection_id", body.connection_id, "ws_conn")
    _check_confirmed(body.confirm, body.connection_id or body.user)
    by = _operator(call, body.reason)
    return _answer(await call.node.operators.actions.disconnect(by, body.user, body.connection_id))


async def sign_out(call: UserCall) -> ASGIApp:
    """`POST /ops/actions/sign_out`: everywhere."""
    read_query(call.request)
    body = await call.body(SignOutBody)
    check_user(body.user)
    _check_confirmed(body.confirm, body.user)
    return _answer(
        await call.node.operators.actions.sign_out(_operator(call, body.reason), body.user)
    )


async def cancel_run(call: UserCall) -> ASGIApp:
    """`POST /ops/actions/cancel_run`: of any user."""
    read_query(call.request)
    body = await call.body(CancelRunBody)
    _check_confirmed(body.confirm, body.run_id)
    by = _operator(call, body.reason)
    return _answer(await call.node.operators.actions.cancel_run(by, body.run_id))


async def drain_node(call: UserCall) -> ASGIApp:
    """`POST /ops/actions/drain_node`: any living node."""
    read_query(call.request)
    body = await call.body(DrainNodeBody)
    _check_confirmed(body.confirm, body.node_id)
    by = _operator(call, body.reason)
    return _answer(await call.node.operators.actions.drain_node(by, body.node_id))


def _check_confirmed(confirm: str, target: str) -> None:
    if confirm != target:
        raise ThreadcastError("bad_field", "confirm: expected the target once more, word for word")


def _operator(call: UserCall, reason: str | None) -> Operator:
    return Operator(call.identity.user_id, call.context.request_id, reason)


def _answer(row: ActionRow) -> ASGIApp:
    return json_answer(_action(row))


def _action(row: ActionRow) -> Action:
    said = asdict(row)
    del said["ordinal"]
    return Action(user=said.pop("user_id"), **said)

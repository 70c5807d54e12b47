"""Runs over HTTP: `/v1/runs/{run_id}`, cancel and respond."""

from __future__ import annotations

from dataclasses import asdict

import msgspec
from starlette.types import ASGIApp

from ..store.records import InputRow, RunRow
from ..store.units import AnswerInput, CancelRun, RunState
from ..wire.http_models import Input, RespondBody, Run, RunAnswer, RunSnapshot
from .answers import json_answer
from .calls import UserCall
from .requests import read_query


class _NothingMore(msgspec.Struct, frozen=True):
    """A body that says nothing."""


async def get_run(call: UserCall) -> ASGIApp:
    """`GET /v1/runs/{run_id}`."""
    read_query(call.request)
    async with call.session() as session:
        row = await session.runs.get_by_id(call.request.path_params["run_id"])
        inputs = await session.runs.inputs(row.run_id)
        head = await session.journal.head()
    snapshot = RunSnapshot(seq=head.head, run=_run(row), inputs=[_input(one) for one in inputs])
    return json_answer(snapshot)


async def cancel_run(call: UserCall) -> ASGIApp:
    """`POST /v1/runs/{run_id}/cancel`."""
    read_query(call.request)
    row = await _named_run(call)
    await call.optional_body(_NothingMore)
    unit = CancelRun(call.on_run(row), "cancelled by the user")
    return _state(await call.node.journal.append(unit))


async def respond(call: UserCall) -> ASGIApp:
    """`POST /v1/runs/{run_id}/respond`."""
    read_query(call.request)
    body = await call.body(RespondBody)  # first, so that a bad input id is refused before a query
    row = await _named_run(call)
    unit = AnswerInput(call.on_run(row), body.input_id, body.value)
    return _state(await call.node.journal.append(unit))


async def _named_run(call: UserCall) -> RunRow:
    async with call.session() as session:
        return await session.runs.get_by_id(call.request.path_params["run_id"])


def _state(state: RunState) -> ASGIApp:
    return json_answer(RunAnswer(run_id=state.run_id, status=state.status, seq=state.seq))


def _run(row: RunRow) -> Run:
    return Run(**asdict(row))


def _input(row: InputRow) -> Input:
    return Input(
        input_id=row.input_id,
        prompt=row.prompt,
        expires_at=row.expires_at,
        answered=row.answered,
        value=row.value,
    )

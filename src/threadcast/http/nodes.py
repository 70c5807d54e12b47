"""`GET /ops/nodes`: which nodes share the store, for operators."""

from __future__ import annotations

from importlib.metadata import version

from starlette.types import ASGIApp

from ..node import Node
from ..operators.overview import node_of
from ..store.records import NodeRow
from ..wire import http_models
from .answers import json_answer
from .calls import UserCall
from .requests import read_query


async def list_nodes(call: UserCall) -> ASGIApp:
    """Every known node, recently lost ones included; without a shared store, this one."""
    read_query(call.request)
    node = call.node
    rows = [_alone(node)] if node.places is None else map(_row, await node.store.nodes())
    return json_answer(http_models.NodeList(nodes=list(rows)))


def _row(row: NodeRow) -> http_models.Node:
    node = node_of(row)
    return http_models.Node(
        node_id=row.node_id,
        version=row.version,
        role=row.role,
        alive=node.alive,
        age_s=node.age_s,
        joined_s=row.joined_s,
        lease_left_s=row.lease_left_s,
        connections=row.connections,
        runs=row.runs,
    )


def _alone(node: Node) -> http_models.Node:
    return http_models.Node(
        node_id=node.node_id,
        version=version("threadcast"),
        role=node.settings.role,
        alive=True,
        age_s=node.age_s,
        joined_s=None,
        lease_left_s=None,
        connections=len(node.manager),
        runs=node.runner.active,
    )

"""The ids of requests, as operators see them (`/ops/validation`) and as clients are refused."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ThreadcastError
from ..node import Node
from ..validation.statistics import Example, ValidationStatistics
from ..wire.validation_report import ValidationReport, ViolationCount, ViolationExample
from .answers import json_answer
from .calls import Call, UserCall
from .entrance import ForAnyone, HttpEntrance, Resource
from .requests import read_query

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def get_validation(call: UserCall) -> ASGIApp:
    """`GET /ops/validation`."""
    read_query(call.request)
    return json_answer(_report(call.node))


class IdRefusal:
    """Answers HTTP requests whose ids were refused before routing.

    They still pass the entrance, so that host and origin are checked first, and a page of an
    allowed origin can read the reason.

    Args:
        node: the server's parts.
    """

    def __init__(self, node: Node) -> None:
        self._entrance = HttpEntrance(node)

    async def __call__(
        self, error: ThreadcastError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Refuse one request."""

        async def refuse(_: Call) -> ASGIApp:
            raise error

        methods = dict.fromkeys(_METHODS, ForAnyone(refuse))
        await Resource(self._entrance, methods)(scope, receive, send)


def _report(node: Node) -> ValidationReport:
    statistics = node.id_statistics
    return ValidationReport(
        mode=node.checks.ids.mode,
        requests=statistics.requests,
        violating=statistics.violating,
        refused=statistics.refused,
        violation_rate=statistics.violation_rate,
        violations=_counts(statistics),
        examples=[_example(one) for one in statistics.examples],
    )


def _counts(statistics: ValidationStatistics) -> list[ViolationCount]:
    counts = [
        ViolationCount(kind=kind, place=place, count=count)
        for (kind, place), count in statistics.violations().items()
    ]
    return sorted(counts, key=lambda one: -one.count)


def _example(example: Example) -> ViolationExample:
    violation = example.violation
    return ViolationExample(
        at=example.at,
        kind=violation.kind,
        place=violation.location,
        name=violation.name,
        reason=violation.reason,
        shown=violation.shown,
    )

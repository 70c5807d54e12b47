"""The body of `GET /ops/validation`: results of checking the ids of requests.

The published OpenAPI document is generated from these structs. Clients' texts are masked before
they get here.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..check_modes import CheckMode
from .fields import Timestamp

__all__ = ["ValidationReport", "ViolationCount", "ViolationExample"]

_Kind = Literal["malformed", "wrong_kind", "repeated", "legacy"]
_Place = Literal["path", "query", "header"]
_Count = Annotated[int, Meta(ge=0)]


class ViolationCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often this kind of violation occurred in this place."""

    kind: _Kind
    place: _Place
    count: _Count


class ViolationExample(msgspec.Struct, frozen=True, kw_only=True):
    """One of the latest violations.

    Attributes:
        at: when it came.
        kind, place: what was wrong and where.
        name: of the parameter, query key or header.
        reason: what was expected and what came.
        shown: the id with the part that may name a user masked, or a description of the text.
    """

    at: Timestamp
    kind: _Kind
    place: _Place
    name: str
    reason: str
    shown: str


class ValidationReport(msgspec.Struct, frozen=True, kw_only=True):
    """Results of checking the ids of requests, on this node, since it started.

    Attributes:
        mode: the check's present mode.
        requests: how many requests were examined.
        violating: how many of them had a violation; an accepted legacy id is none.
        refused: how many of them were refused.
        violation_rate: `violating` / `requests`, 0 without requests.
        violations: by kind and place, the most frequent first.
        examples: the latest, oldest first; at most 20.
    """

    mode: CheckMode
    requests: _Count
    violating: _Count
    refused: _Count
    violation_rate: Annotated[float, Meta(ge=0, le=1)]
    violations: list[ViolationCount]
    examples: list[ViolationExample]

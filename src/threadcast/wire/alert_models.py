"""The body of `GET /ops/alerts`: states of rules, notifications, and their delivery.

The published OpenAPI document is generated from these structs. Values are in the rule's unit.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .fields import Timestamp

__all__ = ["AlertRule", "AlertSink", "AlertTold", "Alerts"]

_Value = Annotated[float, Meta(description="What was measured; null: nothing could be.")]
_Threshold = Annotated[float, Meta(description="The value that is still good.")]
_Severity = Literal["critical", "high", "medium"]


class AlertRule(msgspec.Struct, frozen=True, kw_only=True):
    """The present state of one rule."""

    rule: str
    severity: _Severity
    state: Literal["ok", "pending", "firing"]
    since: Annotated[Timestamp, Meta(description="When it came to this state.")] | None
    value: _Value | None
    threshold: _Threshold
    unit: Literal["share", "per_minute", "count", "seconds"]
    good: Annotated[
        Literal["at_least", "at_most"],
        Meta(description="Which side of the threshold is good."),
    ]
    sample: Annotated[float, Meta(description="How many attempts the value is made of.")]
    sample_least: Annotated[int, Meta(description="With fewer, nothing is concluded.")]
    faults: Annotated[float, Meta(description="How many of them count against it.")]
    faults_least: Annotated[int, Meta(description="With fewer, nothing is concluded.")]
    window_s: int
    for_s: Annotated[int, Meta(description="How long it must be met before it fires.")]
    clear_s: Annotated[
        int, Meta(description="How long it must not be met before it has recovered.")
    ]
    summary: str
    meaning: str
    advice: str


class AlertTold(msgspec.Struct, frozen=True, kw_only=True):
    """One notification."""

    at: Timestamp
    rule: str
    change: Literal["firing", "reminder", "recovered"]
    value: _Value | None
    threshold: _Threshold


class AlertSink(msgspec.Struct, frozen=True, kw_only=True):
    """A sink, and the outcomes of its notifications since the server started."""

    sink: Literal["log", "webhook", "slack"]
    arrived: int
    failed: int
    last_at: Annotated[Timestamp, Meta(description="When the last attempt was made.")] | None
    last_detail: Annotated[str, Meta(description="What became of it.")] | None


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts of this node."""

    node: str
    enabled: bool
    sampled_at: Annotated[Timestamp, Meta(description="When metrics were looked at last.")] | None
    rules: list[AlertRule]
    history: Annotated[list[AlertTold], Meta(description="The latest first; at most 200.")]
    sinks: list[AlertSink]

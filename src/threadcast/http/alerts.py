"""`GET /ops/alerts`: for operators."""

from __future__ import annotations

from starlette.types import ASGIApp

from ..alerts.courier import Courier
from ..alerts.judging import Watched
from ..wire.alert_models import AlertRule, Alerts, AlertSink, AlertTold
from .answers import json_answer
from .calls import UserCall
from .requests import read_query


async def get_alerts(call: UserCall) -> ASGIApp:
    """Every rule as it stands, what was told, and whether it arrived."""
    read_query(call.request)
    watch = call.node.alerts
    document = Alerts(
        node=call.node.node_id,
        enabled=watch.enabled,
        sampled_at=watch.sampled_at,
        rules=[_rule(one, watch.thresholds[one.rule.name]) for one in watch.watched],
        history=[
            AlertTold(
                at=told.at,
                rule=told.rule,
                change=told.change,
                value=told.value,
                threshold=told.threshold,
            )
            for told in reversed(watch.history)
        ],
        sinks=[_sink(courier) for courier in watch.couriers],
    )
    return json_answer(document)


def _rule(watched: Watched, threshold: float) -> AlertRule:
    rule, reading = watched.rule, watched.reading
    return AlertRule(
        rule=rule.name,
        severity=rule.severity,
        state=watched.state,
        since=watched.since,
        value=None if reading is None else reading.value,
        threshold=threshold,
        unit=rule.unit,
        good="at_least" if rule.is_floor else "at_most",
        sample=0.0 if reading is None else reading.sample,
        sample_least=rule.sample_least,
        faults=0.0 if reading is None else reading.faults,
        faults_least=rule.faults_least,
        window_s=rule.window_s,
        for_s=rule.for_s,
        clear_s=rule.clear_s,
        summary=rule.summary,
        meaning=rule.meaning,
        advice=rule.advice,
    )


def _sink(courier: Courier) -> AlertSink:
    last = courier.last
    return AlertSink(
        sink=courier.sink.name,
        arrived=courier.arrived,
        failed=courier.failed,
        last_at=courier.last_at,
        last_detail=None if last is None else last.detail,
    )

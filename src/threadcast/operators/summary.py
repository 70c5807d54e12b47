"""A node's summary for operators, stored with each renewal of its lease: small and bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from ..alerts.watch import AlertWatch
from ..clock import Clock
from ..delivery.catch_ups import Lag
from ..wire.overview_models import (
    CodeCount,
    ConsistencyFigures,
    FailedRun,
    FiringRule,
    LaggingReader,
    NodeSummary,
    SafetyFigures,
    TakeOverFigures,
    ToldRule,
)
from .failed_runs import FailedRuns
from .figures import Figures
from .rises import Rises

__all__ = ["Summaries", "Work"]

_CODES_MAX = 40
# In the stored summary; the answering node includes more of its own.
_TOLD_MAX = 10
_LAGGING_MAX = 10
_FAILED_MAX = 10


@dataclass(frozen=True, slots=True)
class Work:
    """A node's present work."""

    connections: int
    users: int
    runs: int
    draining: bool
    drained: bool
    follows_ids: bool


class Summaries:
    """Makes summaries of one node.

    Args:
        figures: of its last step.
        alerts: the states of rules.
        clock: wall time.
        work: gives its present work.
        failed_runs: the last runs that failed.
        lagging: gives the readers that have been behind longest, up to a number.
        age_s: gives the node's age in seconds.
    """

    def __init__(
        self,
        figures: Figures,
        alerts: AlertWatch,
        clock: Clock,
        work: Callable[[], Work],
        failed_runs: FailedRuns,
        lagging: Callable[[int], Sequence[Lag]],
        age_s: Callable[[], float],
    ) -> None:
        self._figures = figures
        self._alerts = alerts
        self._clock = clock
        self._work = work
        self._failed_runs = failed_runs
        self._lagging_longest = lagging
        self._age_s = age_s

    def encoded(self) -> str:
        """The summary and the last step as JSON, for other nodes: about 2 KiB, at most 40 KiB."""
        said = msgspec.structs.asdict(self.now())
        return msgspec.json.encode({**said, "last_step": self._figures.last_step}).decode()

    def now(
        self,
        *,
        told_max: int = _TOLD_MAX,
        lagging_max: int = _LAGGING_MAX,
        failed_max: int = _FAILED_MAX,
    ) -> NodeSummary:
        """The summary: the node's present work, and the figures of its last step.

        Args:
            told_max: the most notifications to include, latest first, >= 0.
            lagging_max: the most lagging readers to name, >= 0.
            failed_max: the most failed runs to include, latest first, >= 0.
        """
        work, figures = self._work(), self._figures
        latest = figures.last_step.columns
        return NodeSummary(
            at=self._clock.now(),
            connections=work.connections,
            users=work.users,
            lagging=int(latest.get("lagging", 0)),
            lagging_readers=self._lagging(lagging_max),
            oldest_catch_up_s=figures.oldest_catch_up_s,
            runs=work.runs,
            draining=work.draining,
            drained=work.drained,
            database=figures.database,
            bus=figures.bus,
            loop_lag_ms=latest.get("loop_lag_ms", 0.0),
            events_in_per_s=latest.get("events_in_per_s", 0.0),
            events_out_per_s=latest.get("events_out_per_s", 0.0),
            commits_per_s=latest.get("commits_per_s", 0.0),
            commit_ms_p50=latest.get("commit_ms_p50"),
            commit_ms_p99=latest.get("commit_ms_p99"),
            send_ms_p99=latest.get("send_ms_p99"),
            safety=self._safety(follows_ids=work.follows_ids),
            take_overs=self._take_overs(),
            refusals=_counts(figures.refusals),
            failures=_counts(figures.failures),
            failed_runs=self._failed(failed_max),
            firing=self._firing(),
            told=self._told(told_max),
            age_s=self._age_s(),
        )

    def _lagging(self, lagging_max: int) -> list[LaggingReader]:
        """Names readers only while revocation of the operator's credential can be checked."""
        if not self._figures.database.ok:
            return []
        now = self._clock.now()
        return [
            LaggingReader(
                user=one.context.user_id,
                connection_id=one.context.connection_id or "",
                lag_events=one.events,
                since=now - one.lasts_s,
            )
            for one in self._lagging_longest(lagging_max)
        ]

    def _failed(self, failed_max: int) -> list[FailedRun]:
        """Names users only while revocation of the operator's credential can be checked."""
        return [*self._failed_runs.latest(failed_max)] if self._figures.database.ok else []

    def _total(self, name: str) -> int:
        return int(self._figures.rises.totals.get(name, 0))

    def _last_at(self, *names: str) -> float | None:
        last_at = self._figures.rises.last_at
        return max((last_at[name] for name in names if name in last_at), default=None)

    def _safety(self, *, follows_ids: bool) -> SafetyFigures:
        snapshots, drifts = self._total("snapshots"), self._total("drifts")
        return SafetyFigures(
            foreign_deliveries=self._total("foreign_deliveries"),
            foreign_delivery_at=self._last_at("foreign_deliveries"),
            id_checks=self._total("id_checks"),
            id_violations=self._total("id_violations"),
            id_violation_at=self._last_at("id_violations"),
            consistency=ConsistencyFigures(
                on=follows_ids,
                snapshots=snapshots,
                violations=drifts,
                score=score_of(snapshots, drifts),
                violated_at=self._last_at("drifts"),
            ),
        )

    def _take_overs(self) -> TakeOverFigures:
        return TakeOverFigures(
            requeued=self._total("requeued"),
            ended=self._total("ended"),
            last_at=self._last_at("requeued", "ended"),
        )

    def _firing(self) -> list[FiringRule]:
        alerts = self._alerts
        return [
            FiringRule(
                rule=one.rule.name,
                severity=one.rule.severity,
                since=one.met_since,
                value=None if one.reading is None else one.reading.value,
                threshold=alerts.thresholds[one.rule.name],
                last_at=one.last_at,
            )
            for one in alerts.watched
            if one.state == "firing"
        ]

    def _told(self, told_max: int) -> list[ToldRule]:
        return [
            ToldRule(
                at=one.at,
                rule=one.rule,
                change=one.change,
                value=one.value,
                threshold=one.threshold,
                began_at=one.began_at,
                last_at=one.last_at,
            )
            for one in islice(reversed(self._alerts.history), told_max)
        ]


def _counts(by_code: Rises) -> list[CodeCount]:
    """The codes that rose last."""
    latest = sorted(by_code.last_at, key=by_code.last_at.__getitem__, reverse=True)
    return [
        CodeCount(
            code=code,
            total=int(by_code.totals.get(code, 0)),
            recent=int(by_code.recent(code)),
            last_at=by_code.last_at[code],
        )
        for code in latest[:_CODES_MAX]
    ]


def score_of(snapshots: int, violations: int) -> float | None:
    """The consistency score, 0 to 100; None without snapshots."""
    return max(0.0, 100 * (snapshots - violations) / snapshots) if snapshots else None

"""The panels of the Grafana dashboard with their expressions, as data.

Every expression filters by the dashboard's variables `job` and `instance`. The appearance of panels
is `grafana`'s work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .measures import Series, Success
from .prometheus import selector
from .rules import BY_NAME

__all__ = ["ROWS", "Panel"]

_WHERE = ('job=~"$job"', 'instance=~"$instance"')


def _of(name: str, label: str = "", *values: str) -> str:
    return selector(Series(name, label, values), *_WHERE)


def _sum(name: str) -> str:
    return f"sum({_of(name)})"


def _rate(name: str, by: str = "") -> str:
    """A counter's rate per second: the sum, or a sum for each label value."""
    return f"sum{f' by ({by})' if by else ''}(rate({_of(name)}[$__rate_interval]))"


def _risen(name: str, window: str) -> str:
    return f"sum(increase({_of(name)}[{window}]))"


def _quantiles(histogram: str) -> tuple[tuple[str, str], ...]:
    buckets = _rate(f"{histogram}_bucket", by="le")
    return tuple((f"histogram_quantile({q}, {buckets})", f"p{q * 100:g}") for q in (0.5, 0.99))


def _mean(histogram: str) -> str:
    return f"{_rate(f'{histogram}_sum')} / {_rate(f'{histogram}_count')}"


def _success(rule: str, window: str) -> str:
    """The share that a rule judges, over another window."""
    measure = BY_NAME[rule].measure
    if not isinstance(measure, Success):
        raise AssertionError(f"{rule} judges no success")
    good, whole = (
        " + ".join(
            f"sum(increase({_of(one.name, one.label, *one.values)}[{window}]))" for one in series
        )
        for series in (measure.good, (*measure.good, *measure.bad))
    )
    return f"({good}) / ({whole})"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: its title.
        unit: Grafana's name of the unit.
        queries: expressions, each with its legend.
        rule: the rule whose threshold is shown; empty for none.
        kind: a graph, or one number.
    """

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    rule: str = ""
    kind: Literal["timeseries", "stat"] = "timeseries"


def _number(title: str, unit: str, expression: str, rule: str = "") -> Panel:
    return Panel(title, unit, ((expression, ""),), rule, "stat")


ROWS: dict[str, tuple[Panel, ...]] = {
    "Overview": (
        Panel(
            "Nodes by role and version", "short",
            ((f"sum by (role, version) ({_of('threadcast_node_info')})", "{{role}} {{version}}"),),
        ),
        _number("Alerts firing", "short", _sum("threadcast_alerts_firing")),
        _number(
            "Foreign deliveries",
            "short",
            _risen("threadcast_foreign_deliveries_total", "$__range"),
            "foreign_delivery",
        ),
        _number("Connections", "short", _sum("threadcast_connections")),
        _number("Runs now", "short", _sum("threadcast_runs_active")),
        _number("Events", "ops", _rate("threadcast_events_total")),
        _number(
            "Connect success", "percentunit", _success("connect_success", "$__range"),
            "connect_success",
        ),
        _number("Run success", "percentunit", _success("run_success", "$__range"), "run_success"),
        _number(
            "Resume success", "percentunit", _success("resume_success", "$__range"),
            "resume_success",
        ),
    ),
    "Delivery": (
        Panel("Connections", "short", ((_sum("threadcast_connections"), "connections"),)),
        Panel(
            "Connects by outcome", "ops",
            ((_rate("threadcast_connects_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Connect success", "percentunit", ((_success("connect_success", "5m"), "success"),),
            "connect_success",
        ),
        Panel(
            "Resumes by outcome", "ops",
            ((_rate("threadcast_resumes_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Resume success", "percentunit", ((_success("resume_success", "5m"), "success"),),
            "resume_success",
        ),
        Panel(
            "Events", "ops",
            (
                (_rate("threadcast_events_total"), "committed"),
                (_rate("threadcast_deliveries_total"), "delivered"),
            ),
        ),
        Panel(
            "From commit to the last socket write", "s",
            _quantiles("threadcast_commit_to_send_seconds"),
        ),
        Panel(
            "Readers behind", "percentunit",
            (
                (
                    f"{_sum('threadcast_lagging_readers')} / {_sum('threadcast_connections')}",
                    "behind",
                ),
            ),
            "readers_behind",
        ),
        Panel(
            "Became too slow", "ops", ((_rate("threadcast_lags_total"), "readers"),)
        ),
        Panel(
            "Longest catch-up", "s",
            ((f"max({_of('threadcast_oldest_catch_up_seconds')})", "longest"),),
            "catch_up_lag",
        ),
        Panel(
            "On their way in", "short",
            (
                (_sum("threadcast_arrivals"), "let in or caught up"),
                (_sum("threadcast_catch_ups_waiting"), "waiting for a read"),
            ),
        ),
        Panel(
            "Told to come again later", "ops",
            ((_rate("threadcast_arrivals_postponed_total"), "clients"),),
        ),
        Panel(
            "HintGaps in hints by what filled them", "ops",
            ((_rate("threadcast_hint_gaps_total", "filled_by"), "{{filled_by}}"),),
        ),
        Panel("Time of a head poll", "s", _quantiles("threadcast_head_poll_seconds")),
        Panel(
            "Sign-in success", "percentunit", ((_success("sign_in_success", "5m"), "success"),),
            "sign_in_success",
        ),
        Panel(
            "Credentials by outcome", "ops",
            ((_rate("threadcast_credentials_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Refusals by code", "ops", ((_rate("threadcast_refusals_total", "code"), "{{code}}"),)
        ),
        Panel(
            "Let pass in mode warn by check", "ops",
            ((_rate("threadcast_tolerated_total", "check"), "{{check}}"),),
        ),
    ),
    "Journal": (
        Panel(
            "Time of a commit", "s", _quantiles("threadcast_commit_seconds"), "commit_latency"
        ),
        Panel(
            "Events in a commit", "short", ((_mean("threadcast_commit_events"), "mean"),)
        ),
        Panel(
            "Appends that wait", "short", ((_sum("threadcast_append_queue_units"), "appends"),)
        ),
        Panel(
            "Commits that failed", "ops",
            ((_rate("threadcast_commit_failures_total", "code"), "{{code}}"),),
        ),
        Panel(
            "Events of other services by outcome", "ops",
            ((_rate("threadcast_ingested_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Time for which the event loop was held", "s",
            ((_rate("threadcast_loop_blocked_seconds_sum"), "of each second"),),
        ),
    ),
    "Runs": (
        Panel("Runs now", "short", ((_sum("threadcast_runs_active"), "runs"),)),
        Panel(
            "Ends by outcome", "ops",
            ((_rate("threadcast_runs_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Failures by code", "ops",
            ((_rate("threadcast_run_failures_total", "code"), "{{code}}"),),
        ),
        Panel(
            "Run success", "percentunit", ((_success("run_success", "5m"), "success"),),
            "run_success",
        ),
        Panel(
            "Looks for runs that wait", "ops",
            ((_rate("threadcast_claims_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Taken over from a lost node", "ops",
            ((_rate("threadcast_take_overs_total", "outcome"), "{{outcome}}"),),
        ),
    ),
    "Bus": (
        Panel(
            "Nodes whose bus is away", "short",
            ((f"sum(1 - {_of('threadcast_bus_connected')})", "nodes"),),
        ),
        Panel(
            "Hints between nodes", "ops",
            (
                (_rate("threadcast_bus_published_total"), "sent"),
                (_rate("threadcast_bus_received_total"), "received"),
            ),
        ),
        Panel(
            "Hints that could not be sent by reason", "ops",
            ((_rate("threadcast_bus_dropped_total", "reason"), "{{reason}}"),),
        ),
        Panel(
            "Messages that are no hints by reason", "ops",
            ((_rate("threadcast_bus_ignored_total", "reason"), "{{reason}}"),),
        ),
    ),
    "Ids": (
        Panel(
            "Thread lookups that failed", "opm",
            (
                (
                    f"{_rate('threadcast_thread_lookups_failed_total', 'reason')} * 60",
                    "{{reason}}",
                ),
            ),
            "thread_lookups",
        ),
        Panel(
            "Legacy ids that led to a thread", "ops",
            ((_rate("threadcast_legacy_id_uses_total", "entrance"), "{{entrance}}"),),
        ),
        Panel(
            "Unusable ids for each request", "percentunit",
            (
                (
                    f"{_risen('threadcast_id_violations_total', '10m')}"
                    f" / {_risen('threadcast_id_checks_total', '10m')}",
                    "violations",
                ),
            ),
            "id_violations",
        ),
        Panel(
            "Ids followed", "ops",
            ((_rate("threadcast_consistency_snapshots_total"), "snapshots"),),
        ),
        Panel(
            "Ids that drifted by severity", "ops",
            ((_rate("threadcast_consistency_violations_total", "severity"), "{{severity}}"),),
        ),
        Panel(
            "Unusable ids by kind and place", "ops",
            ((_rate("threadcast_id_violations_total", "kind, place"), "{{kind}} in {{place}}"),),
        ),
    ),
    "Alerts": (
        Panel(
            "Firing", "short",
            (
                (
                    f"max by (rule, severity) ({_of('threadcast_alerts_firing')})",
                    "{{rule}} ({{severity}})",
                ),
            ),
        ),
        Panel(
            "Notifications", "ops",
            (
                (
                    _rate("threadcast_alert_notifications_total", "sink, outcome"),
                    "{{sink}} {{outcome}}",
                ),
            ),
        ),
    ),
}  # fmt: skip

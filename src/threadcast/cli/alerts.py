"""`threadcast alerts`: the rules, a test of the sinks, and the rules for Prometheus and Grafana.

Everything is computed from the settings; no server is contacted.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import click

from ..alerts.grafana import dashboard
from ..alerts.measures import Level, LevelShare
from ..alerts.notification import trial
from ..alerts.prometheus import rules_file
from ..alerts.rules import RULES, shown, thresholds
from ..alerts.sinks import SINKS, Receipt, Sink, sinks_of
from ..clock import SystemClock
from ..ids import UnifiedIdGenerator
from ..settings import Settings
from ..settings.sources import read_settings
from . import exits
from .groups import LazyCommand, LazyGroup
from .logs import configure_logging
from .options import config_option
from .printing import table, width_columns

_SETTING_OF_SINK = {"webhook": "alert_webhook_url", "slack": "alert_slack_url"}

command = LazyGroup(
    "alerts",
    {
        "list": LazyCommand("threadcast.cli.alerts:list_rules", "Print the rules."),
        "test": LazyCommand("threadcast.cli.alerts:test", "Send a test to every sink."),
        "prometheus": LazyCommand(
            "threadcast.cli.alerts:prometheus", "Print rules for Prometheus."
        ),
        "grafana": LazyCommand("threadcast.cli.alerts:grafana", "Print a dashboard for Grafana."),
    },
    help="Rules of alerts, and where they are sent.",
)


@click.command("list")
@config_option
def list_rules(config_path: Path | None) -> None:
    """Print every rule, its threshold and the sinks."""
    settings = _settings(config_path)
    chosen = thresholds(settings.alert_thresholds)
    rows = [("rule", "severity", "good is", "within", "fires after", "what is wrong")]
    for rule in RULES:
        side = "at least" if rule.is_floor else "at most"
        good = f"{side} {shown(chosen[rule.name], rule)}"
        after = f"{rule.for_s} s" if rule.for_s else "at once"
        is_level = isinstance(rule.measure, Level | LevelShare)
        window = "now" if is_level else f"{rule.window_s} s"
        rows.append((rule.name, rule.severity, good, window, after, rule.summary))
    click.echo(table(rows, width_columns()))
    names = ", ".join(sink.name for sink in sinks_of(settings, SystemClock()))
    click.echo(f"\nSinks: {names}." if settings.alerts else "\nAlerts are off (alerts = false).")


@click.command("test")
@config_option
@click.option("--sink", "only", type=click.Choice(SINKS), help="Only this one.")
def test(config_path: Path | None, only: str | None) -> None:
    """Send a test notification to every configured sink; exit 1 if one did not arrive.

    Each sink is tried once. A running server tries up to four times.
    """
    settings = _settings(config_path)
    sinks = sinks_of(settings, SystemClock())
    chosen = [sink for sink in sinks if only in (None, sink.name)]
    if not chosen:
        text = f"{_SETTING_OF_SINK[only or '']}: got nothing, expected a URL for this sink"
        raise exits.CommandFailed(text, exits.CONFIGURATION)
    configure_logging(settings.log_level)
    receipts = asyncio.run(_tried(chosen))
    rows = [("sink", "arrived", "what it said", "time")]
    for sink, receipt in zip(chosen, receipts, strict=True):
        arrived = "yes" if receipt.arrived else "no"
        rows.append((sink.name, arrived, receipt.detail, f"{receipt.elapsed_s * 1000:.0f} ms"))
    click.echo(table(rows, width_columns()))
    failed = [one for one in receipts if not one.arrived]
    if failed:
        raise exits.CommandFailed(f"{len(failed)} of {len(receipts)} sinks did not take it", 1)


async def _tried(sinks: list[Sink]) -> list[Receipt]:
    notification = trial(
        at=SystemClock().now(),
        node=UnifiedIdGenerator.generate_base_id("node"),
        notification_id=UnifiedIdGenerator.generate_base_id("alert"),
    )
    return await asyncio.gather(*(sink.send(notification) for sink in sinks))


@click.command("prometheus")
@config_option
def prometheus(config_path: Path | None) -> None:
    """Print the rules as a Prometheus rules file, with the configured thresholds."""
    click.echo(rules_file(thresholds(_settings(config_path).alert_thresholds)), nl=False)


@click.command("grafana")
@config_option
def grafana(config_path: Path | None) -> None:
    """Print a Grafana dashboard as JSON, with the configured thresholds."""
    document = dashboard(thresholds(_settings(config_path).alert_thresholds))
    click.echo(json.dumps(document, indent=2))


def _settings(config_path: Path | None) -> Settings:
    return read_settings({}, os.environ, config_path).settings

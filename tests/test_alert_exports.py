"""The rules for Prometheus and the dashboard for Grafana name only what a server really exports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from http_world import World, running
from reference_pages import DEPLOY_FOLDER
from threadcast.alerts.grafana import dashboard
from threadcast.alerts.prometheus import expression, rules_file
from threadcast.alerts.rules import BY_NAME, RULES, Rule, thresholds

DEFAULTS = thresholds({})
_SAMPLE = re.compile(r"^(threadcast_\w+)(?:\{(.*)\})? ", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
# an identifier that is no function, no keyword and no label is the name of a metric
_USED = re.compile(r"\b(threadcast_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_GROUPING = re.compile(r"\bby \(([^)]*)\)")
_FUNCTIONS = {"sum", "max", "rate", "increase", "histogram_quantile", "label_values", "absent"}
_WORDS = _FUNCTIONS | {"by", "and", "job", "instance", "le"}
# labels that the scraper adds
_ADDED = {"job", "instance"}

Exported = dict[str, list[dict[str, str]]]


async def exported(tmp_path: Path) -> Exported:
    """What a real server's `/metrics` says: by sample name, the labels of each series."""
    async with running(tmp_path) as world:
        _touch(world)
        async with world.client(address="127.0.0.1") as client:
            text = (await client.get("/metrics")).text
    found: Exported = {}
    for name, labels in _SAMPLE.findall(text):
        found.setdefault(name, []).append(dict(_LABEL.findall(labels)))
    return found


def _touch(world: World) -> None:
    """Labels whose values are not there from the start appear when they are first used."""
    for metric in vars(world.node.metrics).values():
        labels = getattr(metric, "_labelnames", ())
        if labels and not metric.collect()[0].samples:
            metric.labels(*labels)


def problems(text: str, found: Exported) -> Iterator[str]:
    """What an expression names that is not exported."""
    for name, inside in _USED.findall(text):
        if name not in found:
            yield f"{name} is not exported"
            continue
        for label, operator, values in _MATCHER.findall(inside):
            assert operator in ("=~", "=")
            if label in _ADDED:
                continue
            known = {labels.get(label) for labels in found[name]}
            yield from (
                f"{name} has no {label}={one}" for one in values.split("|") if one not in known
            )
    labels_of = {
        label for name, _ in _USED.findall(text) for one in found.get(name, []) for label in one
    }
    for group in _GROUPING.findall(text):
        for label in group.split(","):
            if label.strip() not in labels_of | _ADDED:
                yield f"nothing has the label {label.strip()}"
    stripped = re.sub(r'"[^"]*"|\[[^\]]*\]|\{[^}]*\}', "", text)
    for word in re.findall(r"[A-Za-z_]\w*", stripped):
        if word not in _WORDS | labels_of and not word.startswith("threadcast_"):
            yield f"{word} is unknown"


def test_a_wrong_expression_is_found() -> None:
    found = {"threadcast_runs_total": [{"outcome": "failed"}]}
    assert list(problems('sum(rate(threadcast_runs_total{outcome="failed"}[5m]))', found)) == []
    for wrong in (
        "sum(rate(threadcast_runs[5m]))",
        'threadcast_runs_total{outcome=~"failed|lost"}',
        'threadcast_runs_total{result="failed"}',
        "sum by (node) (threadcast_runs_total)",
        "median(threadcast_runs_total)",
    ):
        assert list(problems(wrong, found)) != [], wrong


def rules() -> list[dict[str, Any]]:
    """The entries of the file that ships."""
    text = (DEPLOY_FOLDER / "prometheus-rules.yml").read_text(encoding="utf-8")
    (group,) = yaml.safe_load(text)["groups"]
    assert group["name"] == "threadcast"
    entries: list[dict[str, Any]] = group["rules"]
    return entries


async def test_prometheus_is_asked_for_what_is_exported(tmp_path: Path) -> None:
    found = await exported(tmp_path)
    assert [one for entry in rules() for one in problems(entry["expr"], found)] == []


def test_every_rule_is_there_with_its_times_and_its_words() -> None:
    entries = {entry["labels"].get("rule"): entry for entry in rules()}
    assert set(entries) == {*BY_NAME, None}  # the one without is that nothing is scraped
    assert entries[None]["expr"] == "absent(threadcast_connections)"
    for rule in RULES:
        entry = entries[rule.name]
        assert entry["labels"]["severity"] == rule.severity
        assert _seconds(entry.get("for", "0s")) == rule.for_s
        assert _seconds(entry.get("keep_firing_for", "0s")) == rule.clear_s
        assert entry["annotations"]["summary"] == rule.summary
        assert rule.meaning in entry["annotations"]["description"]
        assert "{{ $value" in entry["annotations"]["description"]
    names = [entry["alert"] for entry in rules()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"Threadcast[A-Za-z]+", name) for name in names)


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_threshold_sample_and_faults_are_in_the_expression(rule: Rule) -> None:
    lines = expression(rule, 0.1234).split("\nand\n")
    assert lines[0].endswith(f" {'<' if rule.is_floor else '>'} 0.1234")
    ends = [f" > {least - 0.5:g}" for least in (rule.sample_least, rule.faults_least) if least]
    assert [line for line, end in zip(lines[1:], ends, strict=True) if not line.endswith(end)] == []
    assert expression(rule, 0.1).count("(") == expression(rule, 0.1).count(")")


def test_a_changed_threshold_is_in_the_file() -> None:
    text = rules_file(thresholds({"run_success": 0.5}))
    changed = set(text.splitlines()) ^ set(rules_file(DEFAULTS).splitlines())
    assert len(changed) == 2
    assert any(line.endswith("< 0.5") for line in changed)


# --- Grafana ----------------------------------------------------------------------------------


def board() -> dict[str, Any]:
    """The dashboard that ships."""
    text = (DEPLOY_FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def panels() -> list[dict[str, Any]]:
    """Its panels without the rows."""
    return [panel for panel in board()["panels"] if panel["type"] != "row"]


async def test_grafana_is_asked_for_what_is_exported(tmp_path: Path) -> None:
    found = await exported(tmp_path)
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    queries += [one["definition"] for one in board()["templating"]["list"][1:]]
    assert len(queries) > 30
    assert [one for query in queries for one in problems(query, found)] == []


async def test_every_metric_is_in_a_panel(tmp_path: Path) -> None:
    """What is exported and shown nowhere is a question that an operator will have."""
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    families = {
        re.sub(r"_(bucket|sum|count|created)$", "", name) for name in await exported(tmp_path)
    }
    assert [name for name in sorted(families) if name not in shown] == []


def test_rows_and_panels_are_laid_out_without_overlap() -> None:
    everything = board()["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    rows = [panel["title"] for panel in everything if panel["type"] == "row"]
    assert rows == ["Overview", "Delivery", "Journal", "Runs", "Bus", "Ids", "Alerts"]
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_panel_is_complete() -> None:
    for panel in panels():
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"] in {
            "short",
            "ops",
            "opm",
            "percentunit",
            "s",
        }
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        for target in panel["targets"]:
            assert target["expr"].count("(") == target["expr"].count(")")
            assert 'job=~"$job",instance=~"$instance"' in target["expr"]
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert any(label in group for group in _GROUPING.findall(target["expr"]))


def test_the_variables_are_those_that_are_used() -> None:
    variables = [one["name"] for one in board()["templating"]["list"]]
    assert variables == ["datasource", "job", "instance"]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board()["panels"])))
    assert used == {*variables, "__rate_interval", "__range"}


@pytest.mark.parametrize(
    ("rule", "below", "above", "value"),
    [
        ("run_success", "red", "green", 0.99),
        ("commit_latency", "green", "red", 0.25),
        ("foreign_delivery", "green", "red", 1),
    ],
)
def test_thresholds_are_drawn_on_their_good_side(
    rule: str, below: str, above: str, value: float
) -> None:
    meaning = BY_NAME[rule].meaning
    drawn = [panel for panel in panels() if panel["description"] == meaning]
    assert drawn
    for panel in drawn:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [step["color"] for step in steps] == [below, above]
        assert [step["value"] for step in steps] == [None, value]


def test_every_rule_with_a_threshold_of_its_own_is_drawn() -> None:
    drawn = {panel["description"] for panel in panels()}
    missing = {rule.name for rule in RULES if rule.meaning not in drawn}
    assert missing == {"commit_failures"}  # drawn each second and by code, judged by the minute


def test_the_dashboard_has_the_thresholds_that_are_set() -> None:
    text = json.dumps(dashboard(thresholds({"run_success": 0.12345})))
    assert text.count("0.12345") == 2

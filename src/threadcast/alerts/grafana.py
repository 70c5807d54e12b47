"""The Grafana dashboard of the server's metrics, as data for JSON.

A panel that shows a rule's measure also shows its threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .panels import ROWS, Panel
from .rules import BY_NAME

__all__ = ["dashboard"]

_COLUMNS = 24
_SIZES = {"timeseries": (8, 8), "stat": (3, 4)}  # width and height in the grid's units
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


def dashboard(thresholds: Mapping[str, float]) -> Json:
    """The dashboard, to be imported into Grafana 9 or later.

    Args:
        thresholds: of every rule, by name.
    """
    return {
        "title": "Threadcast",
        "uid": "threadcast",
        "description": "Written by `threadcast alerts grafana`.",
        "tags": ["threadcast"],
        "schemaVersion": 38,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": list(_panels(thresholds)),
    }


def _variables() -> Iterator[Json]:
    yield {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }
    for name, where in (("job", ""), ("instance", '{job=~"$job"}')):
        query = f"label_values(threadcast_connections{where}, {name})"
        yield {
            "name": name,
            "label": name.capitalize(),
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": query, "refId": "variable"},
            "definition": query,
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        }


def _panels(thresholds: Mapping[str, float]) -> Iterator[Json]:
    number, top = 0, 0
    for title, panels in ROWS.items():
        number += 1
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place}
        top, left, tallest = top + 1, 0, 0
        for panel in panels:
            width, height = _SIZES[panel.kind]
            if left + width > _COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            place = {"x": left, "y": top, "w": width, "h": height}
            yield {"id": number, "gridPos": place, **_drawn(panel, thresholds)}
            left, tallest = left + width, max(tallest, height)
        top += tallest


def _drawn(panel: Panel, thresholds: Mapping[str, float]) -> Json:
    custom = {"thresholdsStyle": {"mode": "line" if panel.rule else "off"}, "fillOpacity": 10}
    steps = _steps(panel.rule, thresholds) if panel.rule else [{"color": "green", "value": None}]
    levels = {"mode": "absolute", "steps": steps}
    defaults: Json = {"unit": panel.unit, "min": 0, "thresholds": levels}
    drawn: Json = {
        "type": panel.kind,
        "title": panel.title,
        "description": BY_NAME[panel.rule].meaning if panel.rule else "",
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": expression,
                "legendFormat": legend or "__auto",
            }
            for place, (expression, legend) in enumerate(panel.queries)
        ],
    }
    if panel.kind == "timeseries":
        defaults["custom"] = custom
        legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
        drawn["options"] = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    else:
        calcs = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        drawn["options"] = {"colorMode": "value", "graphMode": "none", "reduceOptions": calcs}
    return drawn


def _steps(rule: str, thresholds: Mapping[str, float]) -> list[Json]:
    """Colour steps: green on the good side of the rule's threshold, red on the other."""
    below, above = ("red", "green") if BY_NAME[rule].is_floor else ("green", "red")
    # a threshold's colour begins at its value; a count of 0 is still good
    value = thresholds[rule] or (1 if BY_NAME[rule].unit == "count" else 0)
    return [{"color": below, "value": None}, {"color": above, "value": value}]

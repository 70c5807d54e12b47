"""A report for programs: one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..audit import Report
from ..baseline import Trend, fingerprint
from ..findings import Finding, Location
from ..rules import RULES


def as_json(report: Report, shown: Sequence[Finding], trend: Trend | None) -> str:
    """The report as JSON; `findings` are those to list, `summary` counts all."""
    document: dict[str, object] = {
        "version": 1,
        "findings": [_finding(report, one) for one in shown],
        "summary": {
            "files": report.files,
            "lines": report.lines,
            "findings": len(report.findings),
            "suppressed": report.suppressed,
            "by_rule": dict(report.by_rule()),
            "by_folder": dict(report.by_folder()),
        },
    }
    if trend is not None:
        document["baseline"] = {
            "before": trend.before,
            "after": trend.after,
            "fixed": trend.fixed,
            "new": len(trend.new),
        }
    return json.dumps(document, indent=2)


def _finding(report: Report, one: Finding) -> dict[str, object]:
    return {
        "code": one.code,
        "name": RULES[one.code].name,
        "severity": report.severities[one.code].value,
        **_location(one.location),
        "message": one.message,
        "advice": RULES[one.code].advice,
        "scope": one.scope,
        "fingerprint": fingerprint(one),
        "fixable": bool(one.edits),
        "unfixed": one.unfixed,
        "related": [
            _location(other.location) | {"message": other.message} for other in one.related
        ],
    }


def _location(location: Location) -> dict[str, object]:
    return location._asdict()

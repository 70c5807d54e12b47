"""A report for people: one line per finding, then counts by rule and by folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..audit import Report
from ..baseline import Trend
from ..findings import Finding
from ..rules import RULES

_FOLDERS_MAX = 10


def as_text(report: Report, shown: Sequence[Finding], trend: Trend | None) -> str:
    """The report as text.

    Args:
        report: the findings.
        shown: the findings to list: all, or those that are not in a baseline.
        trend: the comparison with the baseline, or None without one.
    """
    return "\n".join([*_findings(report, shown), *_summary(report, trend)])


def _findings(report: Report, shown: Sequence[Finding]) -> Iterator[str]:
    for one in shown:
        rule = RULES[one.code]
        severity = report.severities[one.code]
        fixable = " [--fix]" if one.edits else ""
        yield f"{one.location}: {one.code} {severity}: {one.message} ({rule.name}){fixable}"
        for other in one.related:
            yield f"    {other.location}: {other.message}"
        if one.unfixed:
            yield f"    --fix leaves it: {one.unfixed}"
    if shown:
        yield ""


def _summary(report: Report, trend: Trend | None) -> Iterator[str]:
    rules = report.by_rule()
    if rules:
        yield "by rule:"
        for code, count in rules:
            yield f"  {count:>6,}  {code} {RULES[code].name}"
        yield "by folder:"
        folders = report.by_folder()
        for folder, count in folders[:_FOLDERS_MAX]:
            yield f"  {count:>6,}  {folder}"
        if len(folders) > _FOLDERS_MAX:
            rest = sum(count for _, count in folders[_FOLDERS_MAX:])
            yield f"  {rest:>6,}  in {len(folders) - _FOLDERS_MAX:,} other folders"
    if trend is not None:
        yield f"against the baseline: {trend}"
    hidden = f", {report.suppressed:,} suppressed" if report.suppressed else ""
    audited = f"{report.files:,} files, {report.lines:,} lines"
    yield f"{len(report.findings):,} findings{hidden} in {audited}"

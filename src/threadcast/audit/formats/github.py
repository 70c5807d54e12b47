"""A report as workflow commands, which GitHub shows as annotations on changed lines."""

from __future__ import annotations

from collections.abc import Sequence

from ..audit import Report
from ..baseline import Trend
from ..findings import Finding, Severity
from ..rules import RULES

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def as_github(report: Report, shown: Sequence[Finding], trend: Trend | None) -> str:
    """One command for each finding, and the trend as a notice."""
    lines = [_command(report, one) for one in shown]
    if trend is not None:
        lines.append(f"::notice title=threadcast audit::against the baseline: {trend}")
    return "\n".join(lines)


def _command(report: Report, one: Finding) -> str:
    location, rule = one.location, RULES[one.code]
    fields = {
        "file": location.path,
        "line": location.line,
        "endLine": location.end_line,
        "col": location.column,
        "endColumn": location.end_column,
        "title": f"{rule.code} {rule.name}",
    }
    told = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in fields.items())
    return f"::{_COMMAND[report.severities[one.code]]} {told}::{_escaped(one.message)}"


def _escaped(text: str, more: str = "") -> str:
    """Percent-encode characters that would end the command or one of its fields."""
    return "".join(
        f"%{ord(character):02X}" if character in f"%\r\n{more}" else character for character in text
    )

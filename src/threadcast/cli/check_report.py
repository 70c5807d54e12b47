"""Formats a check's verdicts: text, JSON and JUnit."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import click

from ..check import Outcome, Promise, Report, Verdict
from .printing import printable

_COLOURS = {
    Outcome.PASS: "green",
    Outcome.FAIL: "red",
    Outcome.NOT_SHOWN: "yellow",
    Outcome.NOT_RUN: "yellow",
}
_OUTCOME_COLUMNS = 11
_NAME_COLUMNS = 17
_NARROW_COLUMNS = 50
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def may_colour(environ: Mapping[str, str]) -> bool:
    """Whether standard output is a terminal that allows colours."""
    plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
    return not plain and sys.stdout is not None and sys.stdout.isatty()


def verdict_text(verdict: Verdict, width: int | None, *, colour: bool) -> str:
    """A verdict on one line, and its faults below it, safe for terminals.

    Args:
        verdict: what was found.
        width: columns that a line may take, at least 10; None: any.
        colour: whether the outcome is coloured.
    """
    finding, outcome = verdict.finding, verdict.outcome
    said = " ".join(part for part in (finding.measured, f"(bar: {verdict.bar})") if part)
    word = click.style(outcome.value, fg=_COLOURS[outcome]) if colour else outcome.value
    if width is not None and width < _NARROW_COLUMNS:
        lines = [f"{word} {verdict.name}", *_wrapped(said, width, "  ")]
        indent = "  "
    else:
        indent = " " * (_OUTCOME_COLUMNS + _NAME_COLUMNS)
        head, *rest = _wrapped(said, width, indent)
        gap = " " * (_OUTCOME_COLUMNS - len(outcome.value))
        lines = [f"{word}{gap}{verdict.name.ljust(_NAME_COLUMNS)}{head.lstrip()}", *rest]
    for fault in finding.faults:
        lines += _wrapped(f"- {fault}", width, indent)
    return "\n".join(lines)


def summary_text(report: Report, width: int | None) -> str:
    """How many promises hold, and the users' names."""
    counts = [f"{len(report.having(one))} {one.value}" for one in Outcome if report.having(one)]
    users = " and ".join(report.users)
    text = f"{', '.join(counts)}, as {users}, in {report.took_s:.1f} s"
    return "\n".join(_wrapped(text, width, ""))


def promises_text(promises: Sequence[Promise], width: int | None) -> str:
    """The list of promises: name, sentence and bar."""
    lines = []
    for one in promises:
        lines += _wrapped(f"{one.name}: {one.says} ({one.bar})", width, "")
    return "\n".join(lines)


def json_text(report: Report) -> str:
    """The report as one JSON document."""
    document: dict[str, Any] = {
        "url": report.url,
        "users": report.users,
        "started_at": report.started_at,
        "took_s": round(report.took_s, 3),
        "holds": report.holds,
        "timed_out": report.timed_out,
        "server_went_away": report.gone,
        "left_behind": report.left_behind,
        "promises": [_plain(verdict) for verdict in report.verdicts],
    }
    return json.dumps(document, indent=2)


def junit_bytes(report: Report) -> bytes:
    """The report as a JUnit file: a broken promise is a failure, an untried one is skipped."""
    failed = report.having(Outcome.FAIL)
    skipped = [*report.having(Outcome.NOT_RUN), *report.having(Outcome.NOT_SHOWN)]
    suite = Element(
        "testsuite",
        name="threadcast check",
        tests=str(len(report.verdicts)),
        failures=str(len(failed)),
        errors="0",
        skipped=str(len(skipped)),
        time=f"{report.took_s:.3f}",
    )
    for verdict in report.verdicts:
        _add_case(suite, verdict)
    text: bytes = tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add_case(suite: Element, verdict: Verdict) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname="threadcast.check",
        name=verdict.name,
        time=f"{verdict.took_s:.3f}",
    )
    finding = verdict.finding
    said = _xml("; ".join(finding.faults))
    if verdict.outcome is Outcome.FAIL:
        failure = SubElement(case, "failure", message=_xml(f"{verdict.promise} {verdict.bar}"))
        failure.text = said
    elif verdict.outcome is not Outcome.PASS:
        SubElement(case, "skipped", message=f"{verdict.outcome.value}: {said}")
    SubElement(case, "system-out").text = _xml(finding.measured)


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "promise": verdict.promise,
        "bar": verdict.bar,
        "outcome": verdict.outcome.name.lower(),
        "measured": verdict.finding.measured,
        "faults": verdict.finding.faults,
        "took_s": round(verdict.took_s, 3),
    }


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    safe = f"{indent}{printable(text)}"
    if width is None:
        return [safe]
    return textwrap.wrap(safe, width, subsequent_indent=indent) or [""]


def _xml(text: str) -> str:
    """Text without the characters that XML cannot have."""
    return "".join(one if one.isprintable() or one in "\n\t" else _REPLACEMENT for one in text)

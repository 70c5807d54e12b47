"""A report in lines, for terminals and for the failures of tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from .outline import TraceOutline, findings, offset_text, outline, score_text
from .snapshots import ConsistencyAnalysis, ConsistencySnapshot, ReportContent

__all__ = ["moment_text", "recording_text", "sum_text", "text_of"]


def text_of(report: ReportContent) -> str:
    """The whole report; ends without a line break."""
    traces = outline(report)
    sections = (
        _heading(report.analysis),
        ["SNAPSHOTS", *_snapshots(traces)],
        ["VIOLATIONS", *_violations(traces)],
        ["ANALYSIS", *_analysis(report.analysis)],
    )
    return "\n\n".join("\n".join(lines) for lines in sections)


def moment_text(at: float) -> str:
    """A time as UTC; times that no calendar has are given in seconds."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f} s"


def sum_text(analysis: ConsistencyAnalysis) -> str:
    """How the score comes about."""
    snapshots, violations = analysis.snapshots, analysis.violations
    if not snapshots:
        return "nothing was recorded"
    plural = "" if violations == 1 else "s"
    return f"100 x ({snapshots} snapshots - {violations} violation{plural}) / {snapshots}"


def _heading(analysis: ConsistencyAnalysis) -> list[str]:
    return [
        f"Thread id consistency, {moment_text(analysis.made_at)}",
        f"score {score_text(analysis)} = {sum_text(analysis)}",
    ]


def _snapshots(traces: list[TraceOutline]) -> Iterator[str]:
    if not traces:
        yield "  none"
    for trace in traces:
        users = dict.fromkeys(one.user for one in trace.snapshots if one.user is not None)
        yield f"  {trace.trace_id}  user {', '.join(users) or 'unknown'}"
        yield from (f"    {letter} = {thread}" for thread, letter in trace.letters.items())
        width = max((len(one.operation) for one in trace.snapshots), default=0)
        yield from (_line(trace, one, width) for one in trace.snapshots)


def _line(trace: TraceOutline, snapshot: ConsistencySnapshot, width: int) -> str:
    mark = "!" if trace.wrong_with(snapshot) else " "
    offset = offset_text(snapshot.at - trace.began_at)
    parts = [
        f"  {mark} {snapshot.number:>2}  {offset:>10}  {snapshot.operation:<{width}}",
        f"thread {trace.letter(snapshot)}",
    ]
    if snapshot.key is not None:
        parts.append(f"key {_with_letters(snapshot.key, trace)}")
    if snapshot.found is not None:
        parts.append("found" if snapshot.found else "found nothing")
    return "  ".join(parts)


def _with_letters(key: str, trace: TraceOutline) -> str:
    """A key of our own shape with its thread's short name, so that it fits on a line."""
    parts = key.split(", ")
    return ", ".join(trace.letters.get(part, part) for part in parts)


def _violations(traces: list[TraceOutline]) -> Iterator[str]:
    violated = [trace for trace in traces if trace.violations]
    if not violated:
        yield "  none"
    for trace in violated:
        for one in trace.violations:
            offset = offset_text(one.at - trace.began_at) if trace.snapshots else ""
            place = f"snapshot {one.number}, {one.operation}, {offset}".rstrip(", ")
            yield f"  {one.severity.value.upper()} {one.kind} in {trace.trace_id}, {place}"
            yield f"    {one.message}"


def _analysis(analysis: ConsistencyAnalysis) -> Iterator[str]:
    severities = ", ".join(f"{count} {name}" for name, count in analysis.by_severity.items())
    yield f"  violations         {severities}"
    yield f"  unique thread ids  {len(analysis.unique_thread_ids)}"
    yield f"  traces             {_traces_text(analysis)}"
    yield f"  recording          {recording_text(analysis)}"
    for name, means in findings(analysis):
        yield f"  {name}: {means}"
    if not analysis.violations and analysis.snapshots:
        yield "  Every cleanup would find what it is for."


def _traces_text(analysis: ConsistencyAnalysis) -> str:
    counts = f"{analysis.traces} followed, {analysis.traces_kept} kept, "
    return f"{counts}{analysis.traces_shown} shown, {analysis.open} of these still open"


def recording_text(analysis: ConsistencyAnalysis) -> str:
    """Whether new contexts are followed, and how many of them."""
    if not analysis.recording:
        return "off: start the server with --track-consistency"
    return f"on, {analysis.sample * 100:g} % of contexts"

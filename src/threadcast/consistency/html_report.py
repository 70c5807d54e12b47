"""A report as one static HTML page: no external resources, no scripts, all ids escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape

from .html_style import STYLE
from .outline import TraceOutline, findings, offset_text, outline, score_text, worst_first
from .snapshots import ConsistencyAnalysis, ConsistencySnapshot, ConsistencyViolation, ReportContent
from .text_report import moment_text, recording_text, sum_text
from .timeline import THREAD_COLOURS, timeline

__all__ = ["html_of"]

_TITLE = "Thread id consistency"
_UNIQUE_SHOWN = 50
_WIDE = '<div class="wide" tabindex="0" role="group" aria-label="Timeline">'
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)


def html_of(report: ReportContent) -> str:
    """The whole page."""
    traces = outline(report)
    body = (
        *_summary(report.analysis),
        *_analysis(report.analysis),
        *_violations(traces),
        *_traces(traces),
        *_unique(report.analysis),
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_TITLE}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _summary(analysis: ConsistencyAnalysis) -> Iterator[str]:
    verdict = "bad" if analysis.violations else "good"
    yield f"<header><h1>{_TITLE}</h1>"
    told = f"{moment_text(analysis.made_at)}. Recording {recording_text(analysis)}."
    yield f'<p class="soft">{escape(told)}</p></header>'
    yield '<section class="summary" aria-label="Summary">'
    yield f'<div class="card score {verdict}"><b>{score_text(analysis)}</b>'
    yield f'<span class="soft">{escape(sum_text(analysis))}</span></div>'
    yield '<dl class="card figures">'
    yield from (
        _figure(name, count, name if count else "nothing")
        for name, count in analysis.by_severity.items()
    )
    yield _figure("snapshots", analysis.snapshots)
    yield _figure("traces", analysis.traces)
    yield _figure("shown here", analysis.traces_shown)
    yield _figure("still open", analysis.open)
    yield "</dl></section>"


def _figure(name: str, count: int, style: str = "") -> str:
    return f'<div><dt>{escape(name)}</dt><dd class="{escape(style)}">{count:,}</dd></div>'


def _analysis(analysis: ConsistencyAnalysis) -> Iterator[str]:
    yield '<section><h2>Analysis</h2><div class="card">'
    found = findings(analysis)
    if found:
        yield '<dl class="findings">'
        yield from (f"<dt>{escape(one)}</dt><dd>{escape(means)}</dd>" for one, means in found)
        yield "</dl>"
    elif analysis.snapshots:
        yield "<p>Nothing drifted. Every cleanup would find what it is for.</p>"
    else:
        yield "<p>Nothing was recorded yet.</p>"
    yield "</div></section>"


def _violations(traces: list[TraceOutline]) -> Iterator[str]:
    yield "<section><h2>Violations</h2>"
    by_id = {trace.trace_id: trace for trace in traces}
    violations = worst_first(one for trace in traces for one in trace.violations)
    if violations:
        rows = [_violation_row(by_id[one.trace_id], one) for one in violations]
        yield _table(("severity", "kind", "operation", "when", "trace"), rows)
    else:
        yield '<p class="card">None.</p>'
    yield "</section>"


def _violation_row(trace: TraceOutline, violation: ConsistencyViolation) -> str:
    name = escape(trace.trace_id)
    cells = (
        _badge(violation.severity.value),
        f"<code>{escape(violation.kind)}</code>",
        escape(violation.operation),
        escape(offset_text(violation.at - trace.began_at) if trace.snapshots else ""),
        f'<a class="id" href="#{name}">{name}</a>',
    )
    return _row(cells)


def _traces(traces: list[TraceOutline]) -> Iterator[str]:
    yield "<section><h2>Snapshots</h2>"
    if not traces:
        yield '<p class="card">None.</p>'
    for trace in traces:
        yield from _trace(trace)
    yield "</section>"


def _trace(trace: TraceOutline) -> Iterator[str]:
    name = escape(trace.trace_id)
    users = dict.fromkeys(one.user for one in trace.snapshots if one.user is not None)
    yield f'<article class="card trace" id="{name}"><header><h3>{name}</h3>'
    yield f'<span class="soft">user {escape(", ".join(users) or "unknown")}</span>'
    yield f'<span class="soft">{escape(moment_text(trace.began_at))}</span></header><ul>'
    for index, (thread_id, letter) in enumerate(trace.letters.items()):
        key = f'<span class="key thread-{index % THREAD_COLOURS}">{letter}</span>'
        yield f'<li>{key}<span class="id">{escape(thread_id)}</span></li>'
    yield "</ul>"
    if trace.snapshots:
        yield f"{_WIDE}{timeline(trace)}</div>"
    if trace.violations:
        yield '<ul class="wrongs">'
        yield from (
            f"<li>{_badge(one.severity.value)}<span>{escape(one.message)}</span></li>"
            for one in trace.violations
        )
        yield "</ul>"
    yield "<details><summary>All ids</summary>"
    rows = [_snapshot_row(trace, one) for one in trace.snapshots]
    yield _table(("", "operation", "when", "thread", "run", "request", "connection", "key"), rows)
    yield "</details></article>"


def _snapshot_row(trace: TraceOutline, snapshot: ConsistencySnapshot) -> str:
    found = {None: "", True: " (found)", False: " (found nothing)"}[snapshot.found]
    ids = (snapshot.run_id, snapshot.request_id, snapshot.connection_id, snapshot.key)
    cells = (
        str(snapshot.number),
        escape(snapshot.operation + found),
        escape(offset_text(snapshot.at - trace.began_at)),
        escape(trace.letter(snapshot)),
        *(f"<code>{escape(text or '–')}</code>" for text in ids),
    )
    return _row(cells)


def _unique(analysis: ConsistencyAnalysis) -> Iterator[str]:
    uses = analysis.unique_thread_ids
    yield f"<section><h2>Unique thread ids: {len(uses):,}</h2>"
    if uses:
        rows = [
            _row((f'<span class="id">{escape(use.thread_id)}</span>', f"{use.snapshots:,}"))
            for use in uses[:_UNIQUE_SHOWN]
        ]
        yield _table(("thread", "snapshots"), rows)
    if len(uses) > _UNIQUE_SHOWN:
        yield f'<p class="soft">And {len(uses) - _UNIQUE_SHOWN:,} more; the JSON has all.</p>'
    yield "</section>"


def _badge(severity: str) -> str:
    return f'<span class="badge {escape(severity)}">{escape(severity)}</span>'


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    cells = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="card wide" tabindex="0" role="group" aria-label="Table">{table}</div>'


def _row(cells: Iterable[str]) -> str:
    """A row of cells that are already HTML."""
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"

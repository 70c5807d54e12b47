"""Draws a trace: a lane for each operation, time to the right, and where ids drifted.

It is inline SVG without scripts; colours come from the page. Snapshots are equidistant, because a
life of hours begins within milliseconds; the offsets are written below. Nothing is conveyed by
colour alone: threads have letters, drift has labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import NamedTuple

from .kinds import Severity, TrackedOperation
from .outline import TraceOutline, offset_text
from .snapshots import ConsistencySnapshot

__all__ = ["THREAD_COLOURS", "timeline"]

THREAD_COLOURS = 5
"""How many threads of a trace get a colour of their own; after that colours repeat."""

_GUTTER = 158
_MARGIN, _TAGS = 6, 40
_LANE = 50
_FOOT = 40
_END = 54
_STEP_MIN, _STEP_MAX = 74, 180
_WIDTH = 900
_WORD_FROM = 100  # pixels between two snapshots that a word needs
_LANE_CHARACTERS = 22


class _Point(NamedTuple):
    """Where a snapshot is in the picture, in pixels."""

    x: float
    y: float
    snapshot: ConsistencySnapshot


def timeline(trace: TraceOutline) -> str:
    """The picture of one trace that has snapshots."""
    lanes = list(dict.fromkeys(one.operation for one in trace.snapshots))
    points = _points(trace, lanes)
    width = round(points[-1].x + _END)
    bottom = _LANE * len(lanes)
    tags = list(_drifts(trace, points, bottom))
    top = _TAGS if tags else _MARGIN
    height = top + bottom + _FOOT
    name = escape(trace.trace_id)
    parts = [
        f'<svg class="timeline" role="img" aria-labelledby="t-{name} d-{name}" '
        f'viewBox="0 {-top} {width} {height}" width="{width}" height="{height}">',
        f'<title id="t-{name}">Timeline of {name}</title>',
        f'<desc id="d-{name}">{escape(_description(trace))}</desc>',
        *_lanes(lanes, width),
        *tags,
        *_ways(trace, points),
        *_stops(trace, points, bottom),
        "</svg>",
    ]
    return "".join(parts)


def _points(trace: TraceOutline, lanes: list[str]) -> list[_Point]:
    gaps = max(1, len(trace.snapshots) - 1)
    step = min(_STEP_MAX, max(_STEP_MIN, (_WIDTH - _GUTTER - 2 * _END) / gaps))
    return [
        _Point(
            _GUTTER + _END / 2 + step * index,
            _LANE * (lanes.index(one.operation) + 0.5),
            one,
        )
        for index, one in enumerate(trace.snapshots)
    ]


def _description(trace: TraceOutline) -> str:
    steps = [f"{one.operation} with thread {trace.letter(one)}" for one in trace.snapshots]
    wrong = [f"{one.severity.value}: {one.message}" for one in trace.violations]
    return f"{', then '.join(steps)}. {'. '.join(wrong) or 'Nothing is wrong'}."


def _lanes(lanes: list[str], width: int) -> Iterator[str]:
    for index, lane in enumerate(lanes):
        y = _LANE * index
        if index % 2 == 0:
            yield f'<rect class="lane" x="0" y="{y}" width="{width}" height="{_LANE}" rx="6"/>'
        yield _text("lane-name", 12, y + _LANE / 2 + 4, _lane_name(lane))


def _lane_name(operation: str) -> str:
    text = operation.replace("_", " ")
    return text if len(text) <= _LANE_CHARACTERS else f"{text[: _LANE_CHARACTERS - 1]}…"


def _drifts(trace: TraceOutline, points: list[_Point], bottom: int) -> Iterator[str]:
    """A line with a label where the thread changed, and a band if it drifted."""
    for before, after in pairwise(points):
        one, other = trace.letter(before.snapshot), trace.letter(after.snapshot)
        if one == other or None in (before.snapshot.thread_id, after.snapshot.thread_id):
            continue
        is_drift = after.snapshot.operation != TrackedOperation.THREAD_LOOKUP
        kind, word = ("drift", "drift ") if is_drift else ("turn", "thread ")
        gap = after.x - before.x
        if is_drift:
            box = f'x="{before.x:.1f}" y="-8" width="{gap:.1f}" height="{bottom + 8}"'
            yield f'<rect class="drift-band" {box}/>'
        word, width = (word, 96) if gap > _WORD_FROM else ("", 58)
        yield from _tag((before.x + after.x) / 2, width, bottom, kind, f"{word}{one} → {other}")


def _tag(x: float, width: int, bottom: int, kind: str, text: str) -> Iterator[str]:
    yield f'<path class="{kind}-line" d="M{x:.1f} -8V{bottom}"/>'
    box = f'x="{x - width / 2:.1f}" y="-34" width="{width}" height="24" rx="12"'
    yield f'<rect class="{kind}-tag" {box}/>'
    yield _text(f"{kind}-word", x, -18, text)


def _ways(trace: TraceOutline, points: list[_Point]) -> Iterator[str]:
    for before, after in pairwise(points):
        bend = (after.x - before.x) / 2
        curve = (
            f"M{before.x:.1f} {before.y:.1f}C{before.x + bend:.1f} {before.y:.1f} "
            f"{after.x - bend:.1f} {after.y:.1f} {after.x:.1f} {after.y:.1f}"
        )
        yield f'<path class="way {_colour(trace, after.snapshot)}" d="{curve}"/>'


def _stops(trace: TraceOutline, points: list[_Point], bottom: int) -> Iterator[str]:
    for x, y, snapshot in points:
        wrong = trace.wrong_with(snapshot)
        offset = offset_text(snapshot.at - trace.began_at)
        told = [f"{snapshot.number}. {snapshot.operation}, {offset}", snapshot.thread_id or ""]
        told += [f"{one.severity.value}: {one.message}" for one in wrong]
        yield f"<g><title>{escape(chr(10).join(told))}</title>"
        if wrong:
            severity = wrong[0].severity.value
            yield _circle(f"ring {severity}", x, y, 16)
            yield _text(f"severity {severity}", x, y + 33, severity)
        yield _circle(f"stop {_colour(trace, snapshot)}", x, y, 11)
        yield _text("letter", x, y + 4, trace.letter(snapshot))
        if snapshot.operation == TrackedOperation.CLEANUP_LOOKUP:
            is_missed = any(one.severity is Severity.CRITICAL for one in wrong)
            yield _outcome(x + 26, y, is_missed=is_missed)
        yield f"{_text('offset', x, bottom + _FOOT - 12, offset)}</g>"


def _circle(names: str, x: float, y: float, radius: int) -> str:
    return f'<circle class="{names}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def _text(names: str, x: float, y: float, text: str) -> str:
    return f'<text class="{names}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _outcome(x: float, y: float, *, is_missed: bool) -> str:
    """A cross for a cleanup that misses, a tick for one that finds."""
    if is_missed:
        shape = f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10"
        return f'<path class="missed" d="{shape}"/>'
    return f'<path class="found" d="M{x - 6:.1f} {y:.1f}l4 5l8 -10"/>'


def _colour(trace: TraceOutline, snapshot: ConsistencySnapshot) -> str:
    threads = list(trace.letters)
    if snapshot.thread_id not in threads:
        return "thread-none"
    return f"thread-{threads.index(snapshot.thread_id) % THREAD_COLOURS}"

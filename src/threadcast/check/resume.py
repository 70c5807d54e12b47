"""Resuming: a reader continues exactly after its cursor, or is reset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ids import UnifiedIdGenerator
from .load import Load, journal_events, needed_load
from .person import Person
from .reading import Reading, reading_of
from .scene import Scene
from .verdict import Broken, Finding

BAR = 0.95
_FAR_AHEAD = 1_000_000


def resume_fault(whole: Reading, got: Reading, cursor: int) -> str:
    """What is wrong with a reading that resumed from a cursor; empty if nothing. Pure."""
    wanted = [seq for seq in whole.seqs if seq > cursor]
    if list(got.seqs) != wanted:
        return f"behind {cursor}: {_first_difference(got.seqs, wanted)}"
    if got.others != {seq: what for seq, what in whole.others.items() if seq > cursor}:
        return f"behind {cursor}: an event is another one than before"
    if any(not whole.texts.get(run_id, "").endswith(text) for run_id, text in got.texts.items()):
        return f"behind {cursor}: a streamed text is another one than before"
    return ""


def _first_difference(got: Sequence[int], wanted: Sequence[int]) -> str:
    for came, expected in zip(got, wanted, strict=False):
        if came != expected:
            return f"seq {came} came where {expected} was expected"
    if len(got) < len(wanted):
        return f"it ended before seq {wanted[len(got)]}"
    return f"seq {got[len(wanted)]} came behind the head"


async def judge_resume(scene: Scene) -> Finding:
    """Resume from random cursors, and from some that cannot be continued."""
    load, person = await needed_load(scene), scene.first
    whole = await _read(person, load, load.base, {})
    stretch = range(load.base, load.head + 1)
    count = min(scene.options.cursors, len(stretch))
    cursors = [load.base, load.head, *scene.chance.sample(stretch, count)][: max(count, 2)]
    at = {event.seq: event.timestamp for event in load.first}
    faults = []
    for number, cursor in enumerate(cursors):
        known = {"feed": load.feed, "at": at[cursor]} if number % 2 and cursor in at else {}
        try:
            fault = resume_fault(whole, await _read(person, load, cursor, known), cursor)
        except Broken as broken:
            fault = f"behind {cursor}: {broken}"
        faults += [fault] if fault else []
    share = 1 - len(faults) / len(cursors)
    untold = await _reset_faults(person, load)
    measured = f"{share:.1%} of {len(cursors)} cursors"
    return Finding.judged(measured, [*untold, *(faults if share <= BAR else ())])


async def _read(person: Person, load: Load, cursor: int, known: dict[str, Any]) -> Reading:
    """Attach at a cursor, on a connection of its own, and read to the head.

    Raises:
        Broken: the cursor was not continued.
    """
    wire = await person.wire()
    try:
        attached, start = await wire.attach(after=cursor, **known)
        if attached.data.get("reset"):
            raise Broken(f"the cursor was reset ({attached.data.get('reason')})")
        if attached.data.get("after") != cursor:
            raise Broken(f"attached behind {attached.data.get('after')} without a reset")
        return reading_of(journal_events(wire.events[start:]), up_to=load.head)
    finally:
        await wire.close()


async def _reset_faults(person: Person, load: Load) -> list[str]:
    """Cursors that cannot be continued must get a reset with its reason."""
    last = load.first[-1]
    cursors: dict[str, dict[str, Any]] = {
        "cursor_ahead": {"after": load.head + _FAR_AHEAD},
        "new_feed": {"after": load.head, "feed": UnifiedIdGenerator.generate_base_id("feed")},
        "diverged": {"after": last.seq, "feed": load.feed, "at": last.timestamp - 1.0},
    }
    faults = []
    wire = await person.wire()
    try:
        for reason, cursor in cursors.items():
            attached, _ = await wire.attach(**cursor)
            if not attached.data.get("reset"):
                faults.append(f"a cursor that is {reason} was continued without a reset")
    finally:
        await wire.close()
    return faults

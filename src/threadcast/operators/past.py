"""Troubles of the last hour that are over, so that operators who look late still see them.

Each step passes the current state; a trouble of one step that is gone in the next has ended and is
kept. It knows no wording and reads no clock. Alerts have a history of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec.structs import replace

from ..upkeep.watchdog import Hold
from ..wire.overview_models import NodeOverview, PartHealth, PastTrouble, QueuedRuns, RunsOverview

__all__ = ["PAST_MAX", "PastTroubles"]

PAST_MAX = 100
_KEPT_S = 3_600.0
_QUEUED_MAX_S = 60.0
_HELD_MIN_S = 2.0

_Kind = Literal["database", "bus", "lost", "held", "queued", "behind"]
_Key = tuple[_Kind, str | None]


class PastTroubles:
    """Keeps at most `PAST_MAX` troubles, for an hour after they ended."""

    def __init__(self) -> None:
        self._standing: dict[_Key, PastTrouble] = {}
        self._over: deque[PastTrouble] = deque(maxlen=PAST_MAX)

    def take(
        self,
        at: float,
        nodes: Sequence[NodeOverview],
        runs: RunsOverview | None,
        *,
        held: tuple[str, Hold],
    ) -> None:
        """Take a step that ended at `at`, seconds since the epoch.

        Args:
            nodes: every known node.
            runs: those that have not ended; None if unknown, then the queue counts as unchanged.
            held: this node's id, and the longest time that its loop was held.
        """
        found = {(one.kind, one.node_id): one for one in (*_of_nodes(at, nodes), *_of(runs, at))}
        if runs is None:
            found |= {key: one for key, one in self._standing.items() if key[1] is None}
        well_since = _well_since(nodes)
        for key, before in self._standing.items():
            if key in found:
                found[key] = before
            else:
                self._over.append(replace(before, ended_at=_end(before, at, well_since.get(key))))
        self._standing = found
        self._extend(at, nodes)
        node_id, (held_s, place) = held
        if held_s >= _HELD_MIN_S:
            users = next((_users(one) for one in nodes if one.node_id == node_id), None)
            stalled = _trouble("held", at - held_s, at, node_id=node_id, users=users)
            self._over.append(replace(stalled, place=place))

    def _extend(self, at: float, nodes: Sequence[NodeOverview]) -> None:
        """Extend the troubles of lost nodes that came back until their return."""
        back = {one.node_id: at - one.joined_s for one in nodes if one.alive and one.joined_s}
        for index, one in reversed([*enumerate(self._over)]):
            if one.kind == "lost" and one.node_id is not None:
                since = back.pop(one.node_id, one.ended_at)
                self._over[index] = replace(one, ended_at=max(one.ended_at, since))

    def until(self, now: float) -> list[PastTrouble]:
        """Those that ended in the hour before `now`, the latest first."""
        recent = [one for one in self._over if one.ended_at > now - _KEPT_S]
        return sorted(recent, key=lambda one: -one.ended_at)


def _of_nodes(at: float, nodes: Iterable[NodeOverview]) -> Iterator[PastTrouble]:
    for node in nodes:
        said = node.summary
        if not node.alive:
            since = at + (node.lease_left_s or 0.0) if said is None else said.at
            yield _trouble("lost", since, at, node_id=node.node_id, users=_users(node))
        elif said is not None:
            for kind, part in _parts(said.database, said.bus):
                if not part.ok:
                    yield _trouble(kind, part.since, at, node_id=node.node_id, users=said.users)


def _well_since(nodes: Iterable[NodeOverview]) -> dict[_Key, float]:
    """Since when nodes' databases and buses work, as they report themselves."""
    return {
        (kind, node.node_id): part.since
        for node in nodes
        if node.summary is not None
        for kind, part in _parts(node.summary.database, node.summary.bus)
        if part.ok
    }


def _end(before: PastTrouble, at: float, well_since: float | None) -> float:
    """When a trouble ended: other nodes' reports come by the database, so may be late."""
    if well_since is None or not before.began_at < well_since < at:
        return at
    return well_since


def _parts(
    database: PartHealth, bus: PartHealth | None
) -> Iterator[tuple[Literal["database", "bus"], PartHealth]]:
    yield "database", database
    if bus is not None:
        yield "bus", bus


def _users(node: NodeOverview) -> int | None:
    return None if node.summary is None else node.summary.users


def _of(runs: RunsOverview | None, at: float) -> Iterator[PastTrouble]:
    for queued in () if runs is None else runs.queued:
        oldest = queued.oldest
        # A run behind one that waits for a person waits for that person.
        if queued.behind != "waiting" and at - queued.since > _QUEUED_MAX_S:
            yield _trouble(_kind(queued), queued.since, at, run=(oldest.run_id, oldest.user))


def _kind(queued: QueuedRuns) -> Literal["queued", "behind"]:
    return "queued" if queued.behind is None else "behind"


def _trouble(
    kind: _Kind,
    began_at: float,
    at: float,
    *,
    node_id: str | None = None,
    users: int | None = None,
    run: tuple[str, str] | tuple[None, None] = (None, None),
) -> PastTrouble:
    return PastTrouble(
        kind=kind,
        node_id=node_id,
        users=users,
        run_id=run[0],
        user=run[1],
        began_at=began_at,
        ended_at=at,
    )

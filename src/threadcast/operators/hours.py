"""The last hour's series of this node, of other nodes, and of all together.

Another node reports its last step with each renewal of its lease. Memory is bounded: 34 rings,
about 0.25 MB each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import ThreadcastError
from ..wire.series_models import ClusterColumns, NodeColumns, Series
from .last_step import LastStep, together
from .ring import Ring

__all__ = ["OTHERS_MAX", "Hours"]

OTHERS_MAX = 32
_KEPT_S = 3_600.0


class Hours:
    """Keeps nodes' figures, step by step.

    Args:
        node_id: this node's.
        step_s: from one step to the next, in seconds.
    """

    def __init__(self, node_id: str, *, step_s: float) -> None:
        self._node_id = node_id
        self._step_s = step_s
        self._own = Ring(NodeColumns.__struct_fields__)
        self._cluster = Ring(ClusterColumns.__struct_fields__)
        self._others: dict[str, Ring] = {}  # most recently updated last

    def take(
        self,
        at: float,
        own: LastStep,
        others: Mapping[str, LastStep] | None,
        counted: Mapping[str, float],
    ) -> None:
        """Take a step of this node that ended at `at`, seconds since the epoch.

        Args:
            own: this node's figures.
            others: other living nodes' last reports by id; None if unknown.
            counted: columns over all nodes that come from the store.
        """
        self._own.add(at, own.columns)
        if others is None:
            return
        self._cluster.add(at, {**together([own, *others.values()]), **counted})
        for node_id, step in others.items():
            ring = self._others.pop(node_id, None) or Ring(NodeColumns.__struct_fields__)
            ring.add(at, step.columns)
            self._others[node_id] = ring
        self._forget(at)

    def _forget(self, at: float) -> None:
        """Drop nodes without a report for an hour, and the oldest beyond the bound."""
        for node_id, ring in tuple(self._others.items()):
            if len(self._others) <= OTHERS_MAX and ring.last_at > at - _KEPT_S:
                return
            del self._others[node_id]

    def series(self, after: float, node_id: str | None = None) -> Series:
        """The steps that ended after this time, in seconds since the epoch.

        Args:
            node_id: the node whose columns to include; this node when not given.

        Raises:
            ThreadcastError: `not_found`: there was no report of this node in the last hour.
        """
        of_node_id = node_id or self._node_id
        ring = self._own if of_node_id == self._node_id else self._others.get(of_node_id)
        if ring is None:
            raise ThreadcastError(
                "not_found", "node_id: no node of this id was heard of in the last hour"
            )
        at, _ = self._own.since(after)
        return Series(
            node_id=self._node_id,
            of_node_id=of_node_id,
            step_s=self._step_s,
            at=at,
            node=NodeColumns(**_beside(ring, at)),
            cluster=ClusterColumns(**_beside(self._cluster, at)),
        )


def _beside(ring: Ring, at: Sequence[float]) -> dict[str, list[float | None]]:
    """A ring's columns at these step ends; None where it has no step."""
    known_at, columns = ring.since(at[0] - 1e-6 if at else 0.0)
    indexes = {one: index for index, one in enumerate(known_at)}
    return {
        name: [column[indexes[one]] if one in indexes else None for one in at]
        for name, column in columns.items()
    }

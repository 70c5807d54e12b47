"""The operators' overview and series: this node's own steps, and all nodes' reports.

One loop measures a step every few seconds and adds the other nodes' reports. Live runs are only
counted while the setting `console` is on, at most once per step, however many operators look.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version

from ..bus import Bus
from ..clock import Clock
from ..errors import ThreadcastError
from ..settings import Settings
from ..store import Store
from ..tasks import OwnedTasks
from ..wire.overview_models import NodeOverview, Overview, RunsOverview, Versions
from ..wire.series_models import Series
from . import overview
from .failed_runs import FAILED_MAX
from .figures import STEP_S, Figures
from .hours import Hours
from .last_step import LastStep, last_step_of
from .past import PastTroubles
from .summary import Summaries
from .user_count import UserCount

__all__ = ["OperatorView"]

_VERSION = version("threadcast")  # read once: each call reads files
_PRODUCTS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

_FACTS_FOR_S = 60.0  # measuring the size of a large database takes time

log = logging.getLogger(__name__)


class OperatorView:
    """Serves overview and series of all nodes.

    Args:
        node_id: this node's.
        settings: give the present settings.
        figures: this node's measurements.
        summaries: this node's summary.
        store, bus: the node's.
        clock: wall time.
        age_s: gives this node's age in seconds.

    The caller calls `start` on the loop and awaits `close` when done. A step that fails is logged
    and costs its figures, never the server.
    """

    def __init__(
        self,
        node_id: str,
        settings: Callable[[], Settings],
        figures: Figures,
        summaries: Summaries,
        *,
        store: Store,
        bus: Bus,
        clock: Clock,
        age_s: Callable[[], float],
    ) -> None:
        self._node_id = node_id
        self._settings = settings
        self._figures = figures
        self._summaries = summaries
        self._store = store
        self._bus = bus
        self._clock = clock
        self._age_s = age_s
        self._tasks = OwnedTasks("operators' view")
        self._hours = Hours(node_id, step_s=STEP_S)
        self._past = PastTroubles()
        self._users = UserCount(store, clock)
        self._runs: RunsOverview | None = None
        self._facts: dict[str, str] = {}
        self._facts_at = 0.0

    def start(self) -> None:
        """Start measuring steps in a task; call it once."""
        self._tasks.start(self._run())

    async def close(self) -> None:
        """End the task."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            await self.step()
            await asyncio.sleep(STEP_S)

    async def step(self) -> None:
        """Measure one step; with the console on, also query the store for all users."""
        figures = self._figures
        at = await figures.step()
        if self._settings().console:
            await self._look()
        nodes = self._nodes()
        is_known = figures.database.ok or not self._store.shared
        counted = self._counted(nodes)
        self._hours.take(at, figures.last_step, self._others() if is_known else None, counted)
        self._past.take(at, nodes, self._runs, held=(self._node_id, figures.hold))

    async def _look(self) -> None:
        """Query the store for all users; without an answer the result is unknown."""
        runs, facts = None, dict[str, str]()
        try:
            if not self._figures.database.ok:  # it would run into its time-outs again
                raise ThreadcastError("unavailable")
            counted = await self._store.count_live_runs()
            runs = overview.runs_of(counted, self._clock.now(), self._runs)
            facts = await self._recent_facts()
            await self._count_users()
        except ThreadcastError as error:
            log.debug("the store has no answer: %s", error.code)
        self._runs, self._facts = runs, facts

    async def _count_users(self) -> None:
        try:
            await self._users.take(sum(row.lease_left_s > 0 for row in self._figures.nodes))
        except ThreadcastError as error:
            log.debug("the store counts no users: %s", error.code)

    async def _recent_facts(self) -> dict[str, str]:
        now = self._clock.monotonic()
        if self._facts and now - self._facts_at < _FACTS_FOR_S:
            return self._facts
        self._facts_at = now
        return await self._store.facts()

    def _others(self) -> dict[str, LastStep]:
        """Other living nodes' last steps, by id."""
        steps = {one.node_id: last_step_of(one) for one in self._figures.nodes}
        return {
            node_id: step
            for node_id, step in steps.items()
            if step is not None and node_id != self._node_id
        }

    def _counted(self, nodes: Sequence[NodeOverview]) -> dict[str, float]:
        states = () if self._runs is None else self._runs.states
        users = self._counted_users()
        return {
            "nodes": sum(one.alive for one in nodes),
            **({} if users is None else {"users": users}),
            **{f"runs_{one.status}": one.count for one in states},
        }

    def _counted_users(self) -> int | None:
        return self._users.count if self._figures.database.ok else None

    def _nodes(self) -> list[NodeOverview]:
        """All nodes by id; this one with its present state, even if the store has no row."""
        rows, is_known = self._figures.nodes, self._figures.database.ok
        row = next((one for one in rows if one.node_id == self._node_id), None)
        own = NodeOverview(
            node_id=self._node_id,
            version=_VERSION,
            role=self._settings().role,
            alive=True,
            known=True,
            age_s=self._age_s(),
            joined_s=None if row is None else row.joined_s,
            lease_left_s=None if row is None else row.lease_left_s,
            summary=self._summaries.now(
                told_max=overview.TOLD_MAX,
                lagging_max=overview.LAGGING_MAX,
                failed_max=FAILED_MAX,
            ),
        )
        others = [
            overview.node_of(one, known=is_known) for one in rows if one.node_id != self._node_id
        ]
        return sorted([own, *others], key=lambda one: one.node_id)

    async def overview(self) -> Overview:
        """The present overview.

        Without an answer of the store, other nodes keep their last state. If the store was away at
        the last step it is not queried again: every request would take as long as its time-outs.
        """
        if self._figures.database.ok:
            await self._figures.ping()
        there = self._figures.database.ok
        if not there:
            self._runs, self._facts = None, {}
        elif self._runs is None:  # the console was just switched on
            await self._look()
        else:
            await self._count_users()
        nodes, now, facts = self._nodes(), self._clock.now(), self._facts
        return Overview(
            node_id=self._node_id,
            at=now,
            since=now - self._age_s(),
            nodes=nodes,
            totals=overview.totals_of(nodes, self._counted_users()),
            runs=self._runs,
            safety=overview.safety_of(nodes),
            refusals=overview.refusals_of(nodes),
            failures=overview.failures_of(nodes),
            failed_runs=overview.failed_of(nodes),
            firing=overview.firing_of(nodes),
            told=overview.told_of(nodes),
            lagging_readers=overview.lagging_of(nodes),
            past=[one for one in self._past.until(now) if there or one.user is None],
            database=self._figures.database,
            database_facts=facts,
            bus=self._figures.bus,
            versions=self._versions(facts),
        )

    def _versions(self, facts: dict[str, str]) -> Versions:
        product = facts.get("store", "")
        return Versions(
            program=_VERSION,
            python=platform.python_version(),
            schema=facts.get("schema"),
            database=f"{_PRODUCTS[product]} {facts[product]}" if product in _PRODUCTS else None,
            bus=self._bus.name,
        )

    def series(self, after: float, node_id: str | None = None) -> Series:
        """See `Hours.series`."""
        return self._hours.series(after, node_id)

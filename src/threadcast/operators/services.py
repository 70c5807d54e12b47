"""Wires one node's parts for operators."""

from __future__ import annotations

from collections.abc import Callable

from ..alerts.watch import AlertWatch
from ..bus import Bus
from ..clock import Clock
from ..delivery.catch_ups import CatchUps
from ..delivery.journal import Journal
from ..delivery.websocket_manager import WebSocketManager
from ..metrics import Metrics
from ..settings import Settings
from ..store import Store
from ..store.session import RequestScopedSessionFactory
from ..upkeep.watchdog import Watchdog
from .actions import OperatorActions
from .failed_runs import FailedRuns
from .figures import Figures
from .look_ups import LookUps
from .summary import Summaries, Work
from .view import OperatorView

__all__ = ["OperatorServices"]


class OperatorServices:
    """A node's view, look-ups and actions for operators.

    Args:
        node_id: this node's.
        settings: give the present settings.
        work: gives the node's present work.
        age_s: gives the node's age in seconds.
        drain: starts draining it.
        catch_ups: know the lagging readers.
        metrics, store, bus, journal, sessions, manager, alerts, watchdog, clock: its parts.

    Attributes:
        failed_runs: is told of each run that failed on this node.
        summaries: make the node's summary.
        view: the overview and series; the caller starts and closes it.
        look_ups: find users and runs.
        actions: carry out operators' actions.
    """

    def __init__(
        self,
        node_id: str,
        settings: Callable[[], Settings],
        *,
        work: Callable[[], Work],
        age_s: Callable[[], float],
        drain: Callable[[], object],
        metrics: Metrics,
        store: Store,
        bus: Bus,
        journal: Journal,
        sessions: RequestScopedSessionFactory,
        manager: WebSocketManager,
        catch_ups: CatchUps,
        alerts: AlertWatch,
        watchdog: Watchdog,
        clock: Clock,
    ) -> None:
        figures = Figures(metrics, store, bus, manager, watchdog, clock)
        self.failed_runs = FailedRuns(metrics, clock)
        self.summaries = Summaries(
            figures, alerts, clock, work, self.failed_runs, catch_ups.lagging, age_s
        )
        self.view = OperatorView(
            *(node_id, settings, figures, self.summaries),
            store=store,
            bus=bus,
            clock=clock,
            age_s=age_s,
        )
        self.look_ups = LookUps(node_id, store, sessions, journal, manager)
        self.actions = OperatorActions(
            *(node_id, journal, sessions, self.look_ups, manager, clock),
            nodes=store.nodes,
            shared=store.shared,
            drain=drain,
        )

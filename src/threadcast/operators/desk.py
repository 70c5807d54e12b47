"""What operators are served with by one node, made and joined here."""

from __future__ import annotations

from collections.abc import Callable

from ..alerts.watch import AlertWatch
from ..bus import Bus
from ..catch_ups import CatchUps
from ..clock import Clock
from ..journal import Journal
from ..metrics import Metrics
from ..session import RequestScopedSessionFactory
from ..settings import Settings
from ..store import Store
from ..watchdog import Watchdog
from ..websocket_manager import WebSocketManager
from .actions import OperatorActions
from .figures import Figures
from .look_ups import LookUps
from .summary import Summaries, Work
from .view import OperatorView

__all__ = ["OperatorDesk"]


class OperatorDesk:
    """A node's view, look-ups and actions for operators.

    Args:
        node_id: this node's.
        settings: as they are now.
        work: what the node does now.
        age_s: how long ago it began, in seconds.
        drain: begins to drain it.
        catch_ups: know who is behind.
        metrics, store, bus, journal, sessions, manager, alerts, watchdog, clock: its parts.

    Attributes:
        summaries: what the node says of itself.
        view: how everything is; the caller starts and closes it.
        look_ups: users and runs.
        actions: what operators do.
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
        self.summaries = Summaries(figures, alerts, clock, work, catch_ups.lagging, age_s)
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

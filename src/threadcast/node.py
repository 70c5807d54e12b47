"""The composition root: every part of one node is made, wired and ended here.

Parts know each other only by what is handed to them below. A node starts once and stops once;
stopping drains first: no new work, runs finish or are handed over, clients are told to reconnect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from .agent import Agent, agents_by_name
from .alerts.watch import AlertWatch
from .auth.authenticator import Authenticator
from .bus import Bus
from .bus.choice import bus_of
from .clock import Clock, SystemClock
from .connections.connection import ConnectionServices
from .connections.gateway import Gateway
from .consistency.recording import ConsistencyRecording
from .delivery.arrivals import Arrivals
from .delivery.catch_ups import CatchUps
from .delivery.guard import DeliveryGuard
from .delivery.head_poll import HeadPoll
from .delivery.journal import Journal
from .delivery.lulls import Lulls
from .delivery.places import Places
from .delivery.websocket_manager import WebSocketManager
from .draining import Drain
from .ids import UnifiedIdGenerator
from .ingestion import Ingestion
from .intake import Intake
from .metrics import Metrics
from .operators.services import OperatorServices
from .operators.summary import Work
from .origins import HostRule, OriginRule
from .runner import Runner
from .server_checks import ServerChecks
from .settings import LiveChange, Settings, live_change
from .store import Store
from .store.choice import store_of
from .store.place_units import NodeFacts
from .store.session import RequestScopedSessionFactory
from .tasks import OwnedTasks, VitalTasks
from .tracing import Tracing
from .upkeep.alias_uses import AliasUses
from .upkeep.departures import Departures
from .upkeep.membership import Membership, NodeWork
from .upkeep.sweeper import Sweeper
from .upkeep.take_overs import TakeOvers
from .upkeep.watchdog import Watchdog
from .validation.examination import Violation
from .validation.statistics import ValidationStatistics
from .wire.connection_data import Server

log = logging.getLogger(__name__)

_FLUSH_MAX_S = 1.0


class Node:
    """One node's parts.

    Args:
        settings: complete and checked.
        agents: at least one; the first answers where none is named.
        listens_on: the address that it is bound to, where it is known.
        clock, store, bus: others than the settings ask for, for tests and for embedding.

    Raises:
        ConfigurationError: the agents, or the settings, cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        agents: Sequence[Agent],
        *,
        listens_on: str = "",
        clock: Clock | None = None,
        store: Store | None = None,
        bus: Bus | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.metrics = Metrics()
        self.metrics.node_info.labels(settings.role, version("threadcast")).set(1)
        self.tracing = Tracing()
        self.checks = ServerChecks.from_settings(
            settings,
            clock=self.clock,
            on_tolerated=lambda name: self.metrics.tolerated.labels(name).inc(),
        )
        self.agents = agents_by_name(agents)
        self.node_id = settings.node_id or UnifiedIdGenerator.generate_base_id("node")
        self.store = store or store_of(settings, self.clock)
        self.bus = bus or bus_of(settings, self.store, self.node_id, self.metrics, self.clock)
        self.metrics.bus_connected.set_function(lambda: self.bus.connected)
        self.alerts = AlertWatch.from_settings(settings, self.metrics, self.clock, self.node_id)
        self.authenticator = Authenticator.from_settings(settings, clock=self.clock)
        self.consistency = ConsistencyRecording.from_settings(settings, self.clock, self.metrics)
        self._began_at = self.clock.monotonic()
        self._vital_tasks = VitalTasks()
        self.failed = self._vital_tasks.failed
        self._started = False
        self._join_delivery()
        self._join_work()
        self._join_operators()
        self._join_entrance(listens_on)
        self.settings_takers: list[Callable[[Settings], None]] = [
            self.checks.take_settings,
            self.intake.take_settings,
            self.ingestion.take_settings,
            self.consistency.take_settings,
            self.alerts.take_settings,
            self.gateway.sign_in.take_settings,
            self.hosts.take_settings,
            self.origins.take_settings,
        ]

    def _join_delivery(self) -> None:
        settings = self.settings
        self.lulls = Lulls()
        self.journal = Journal(
            self.store,
            self.bus,
            self.clock,
            self.metrics,
            batch_max_events=settings.batch_max_events,
            queue_max_units=settings.append_queue_max_units,
            tracing=self.tracing,
            lulls=self.lulls,
        )
        self.alias_uses = AliasUses(self.journal, self.clock, self.metrics)
        self.sessions = RequestScopedSessionFactory(
            self.store,
            id_validation=settings.id_validation,
            on_lookup_failed=self._count_failed_lookup,
            on_alias_used=self.alias_uses.used,
        )
        self.guard = DeliveryGuard(self.metrics, self.alerts.poll_now)
        self.arrivals = Arrivals(self.clock, self.metrics, at_once=settings.arrivals_max)
        self.catch_ups = CatchUps(
            self.sessions,
            self.metrics,
            self.guard,
            self.arrivals,
            self.lulls,
            self.clock,
            concurrency=settings.catch_up_concurrency,
            page_bytes=settings.catch_up_page_bytes,
            gap_grace_s=settings.hint_grace_s,
        )
        self.places = None
        if self.store.shared:
            self.places = Places(
                self.journal,
                self.node_id,
                check=self.checks.connections,
                policy=settings.connection_limit_policy,
                receive=lambda hint: self.manager.receive(hint),
            )
        self.manager = WebSocketManager(
            self.metrics,
            self.guard,
            policy=settings.connection_limit_policy,
            max_connections=settings.max_connections,
            disconnect_grace_s=settings.disconnect_grace_s,
            on_user_left=lambda user_id: self.departures.left(user_id),
            refuse=self.checks.connections.refuse,
            places=self.places,
            bus=self.bus,
            losses=lambda: self.store.losses,
        )
        self.head_poll = HeadPoll(self.store, self.manager, self.clock, self.metrics)

    def _join_work(self) -> None:
        self.runner = Runner.from_settings(
            self.settings,
            agents=self.agents,
            owner=self.node_id,
            journal=self.journal,
            sessions=self.sessions,
            clock=self.clock,
            metrics=self.metrics,
            consistency=self.consistency,
            notices=self.store.run_notices,
            publish=self.bus.publish,
            is_present=self._is_present,
            on_failed=lambda failure: self.operators.failed_runs.add(failure),
            tracing=self.tracing,
        )
        self.take_overs = TakeOvers(
            self.journal,
            self.clock,
            self.metrics,
            owners_first=self.runner.renew_late,
            on_failed=lambda failure: self.operators.failed_runs.add(failure),
            attempts_max=self.settings.attempts_max,
        )
        self.sweeper = Sweeper(
            self.journal,
            self.clock,
            compact_after_s=self.settings.compact_after_s,
            retention_s=self.settings.retention_s,
        )
        self._drain = Drain(
            self.runner,
            self.journal,
            self.alias_uses,
            self.manager,
            runs_max_s=lambda: self.settings.drain_s,
        )
        self.watchdog = Watchdog(self.metrics)

    def _join_operators(self) -> None:
        self.operators = OperatorServices(
            self.node_id,
            lambda: self.settings,
            work=self._work,
            age_s=lambda: self.age_s,
            drain=self._drain.begin,
            metrics=self.metrics,
            store=self.store,
            bus=self.bus,
            journal=self.journal,
            sessions=self.sessions,
            manager=self.manager,
            catch_ups=self.catch_ups,
            alerts=self.alerts,
            watchdog=self.watchdog,
            clock=self.clock,
        )
        self.membership = None
        if self.places is not None:
            self.membership = Membership.from_settings(
                self.settings,
                store=self.store,
                journal=self.journal,
                places=self.places,
                clock=self.clock,
                receive=self.manager.receive,
                facts=NodeFacts(self.node_id, version("threadcast"), self.settings.role),
                work=NodeWork(
                    count_runs=lambda: self.runner.active,
                    summary=self.operators.summaries.encoded,
                    standings=self.manager.standings,
                    drain=self._drain.begin,
                ),
            )

    def _join_entrance(self, listens_on: str) -> None:
        settings = self.settings
        self.tasks = OwnedTasks("connection's work")
        self.departures = Departures(self.store, self.journal, self.tasks, self.manager.present)
        self.intake = Intake(
            self.agents,
            settings,
            self.clock,
            refuse=self.checks.rates.refuse,
            run_limit=self.checks.runs,
        )
        self.ingestion = Ingestion(
            self.journal,
            settings,
            self.clock,
            self.metrics,
            on_alias_used=self.alias_uses.used,
            refuse=self.checks.rates.refuse,
        )
        self.id_statistics = ValidationStatistics(self._count_violation)
        self.metrics.id_checks.source = lambda: self.id_statistics.requests
        self.hosts = HostRule(
            settings.allowed_hosts, listens_on=listens_on, refuse=self.checks.hosts.refuse
        )
        self.origins = OriginRule.from_settings(settings, refuse=self.checks.origins.refuse)
        self.services = ConnectionServices(
            settings=settings,
            clock=self.clock,
            metrics=self.metrics,
            authenticator=self.authenticator,
            sessions=self.sessions,
            journal=self.journal,
            intake=self.intake,
            arrivals=self.arrivals,
            catch_ups=self.catch_ups,
            lulls=self.lulls,
            tasks=self.tasks,
            server=Server("threadcast", version("threadcast"), self.node_id),
            draining=lambda: self.draining,
            places=self.places,
            consistency=self.consistency,
            refuse_rate=self.checks.rates.refuse,
            tracing=self.tracing,
        )
        self.gateway = Gateway(
            self.services, self.manager, self.hosts, self.origins, self.checks.rates.refuse
        )

    async def start(self) -> None:
        """Open store and bus, and begin to work.

        Raises:
            ConfigurationError: the store cannot be used as configured.
            StoreInUse: another node has this one's id.
        """
        self._began_at = self.clock.monotonic()
        self.tracing.use_configured()
        await self.store.open()
        self.bus.listen(self.manager.receive)
        self.bus.listen(self.runner.receive)
        self.bus.listen(self.head_poll.receive)
        await self.bus.open()
        await self.authenticator.start()
        self._vital_tasks.begin("journal", self.journal.run())
        if self.membership is not None:
            await self.membership.join()
        for name, work in self._works():
            self._vital_tasks.begin(name, work)
        self.watchdog.start()
        self.alerts.start()
        self.operators.view.start()
        self._started = True

    def _works(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        if self.membership is not None:
            yield "membership", self.membership.run()
        yield "runner", self.runner.run()
        yield "take-overs", self.take_overs.run()
        yield "sweeper", self.sweeper.run()
        yield "alias uses", self.alias_uses.run()
        if self.settings.role != "worker":
            yield "head poll", self.head_poll.run(self.settings.head_poll_s)

    def take_settings(self, wanted: Settings) -> LiveChange:
        """Apply those of these settings that need no restart.

        Connections keep the rates that they were greeted with.

        Returns:
            What was applied, and which keys have to wait for a restart.

        Raises:
            ConfigurationError: the live settings contradict those that have to wait; nothing
                changed.
        """
        change = live_change(self.settings, wanted)
        settings = self.settings = self.services.settings = change.settings
        self.sessions.id_validation = settings.id_validation
        self.manager.limit(
            policy=settings.connection_limit_policy, max_connections=settings.max_connections
        )
        for take in self.settings_takers:
            take(settings)
        return change

    @property
    def age_s(self) -> float:
        """How long ago it was started, in seconds."""
        return self.clock.monotonic() - self._began_at

    @property
    def drain_max_s(self) -> float:
        """How long `drain` may take, in seconds: runs, hand-over, appends and disconnects."""
        return self._drain.max_s

    def _work(self) -> Work:
        return Work(
            connections=len(self.manager),
            users=self.manager.user_count,
            runs=self.runner.active,
            draining=self.draining,
            drained=self._drain.done,
            follows_ids=self.consistency.active is not None,
        )

    @property
    def draining(self) -> bool:
        """Whether it refuses new work."""
        return self._drain.begun

    async def drain(self) -> None:
        """Refuse new work, let runs finish or hand them over, and disconnect the clients.

        Returns within `drain_max_s`; idempotent. Waits for a drain that an operator began.
        """
        await self._drain.finish()

    async def stop(self) -> None:
        """Drain, end every task and close the store; idempotent."""
        if self._started:  # else it never took work, and must not log that it stops taking it
            await self.drain()
        self.watchdog.stop()
        await self.alerts.close()
        await self.operators.view.close()
        await self.tasks.close()
        await self.catch_ups.close()
        await self._leave_cluster()
        await self._vital_tasks.close()
        await self.authenticator.aclose()
        await self.bus.close()
        await self.store.close()

    async def _leave_cluster(self) -> None:
        if self.membership is None or not self._vital_tasks:
            return
        try:
            async with asyncio.timeout(_FLUSH_MAX_S):
                await self.membership.leave()
        except TimeoutError:
            log.warning("the node was not taken out in time; its lease lapses")

    def _count_failed_lookup(self, reason: str) -> None:
        self.metrics.thread_lookups_failed.labels(reason).inc()

    def _count_violation(self, violation: Violation) -> None:
        self.metrics.id_violations.labels(violation.kind, violation.location).inc()

    def _is_present(self, user_id: str) -> bool:
        """Whether `departures` is still to be told; on a shared store, membership does its work."""
        return self.store.shared or self.manager.present(user_id)

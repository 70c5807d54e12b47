"""Renews the leases of the runs that execute here, and learns which of them were cancelled.

One unit renews all of them, about three times per lease. A signal renews the signalled runs alone,
immediately; signals that come meanwhile are batched. While the store is away, renewal is retried
each second: the fence makes that safe, not the time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any

from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..store.units import HandOverRun, LeaseReport, RenewLeases, Unit
from ..tasks import set_within
from .execution import RunExecution

__all__ = ["RunLeases"]

log = logging.getLogger(__name__)

_AFTER_FAILURE_S = 1.0
_LATE = 2 / 3  # of a lease without renewal; renewal is due after a third


class RunLeases:
    """Renews the leases of executions.

    Args:
        journal: renews.
        executions: the running executions, by run id; the runner adds and removes.
        lease_s: how long a lease is valid, in seconds.
    """

    def __init__(
        self, journal: Journal, executions: Mapping[str, RunExecution], *, lease_s: float
    ) -> None:
        self._journal = journal
        self._executions = executions
        self._lease_s = lease_s
        self._signalled: set[str] = set()
        self._signal = asyncio.Event()
        self._renewed_at = 0.0

    def look_at(self, run_id: str) -> None:
        """This run was signalled: renew its lease soon, which says why."""
        self._signalled.add(run_id)
        self._signal.set()

    async def run(self) -> None:
        """Renew until cancelled."""
        loop = asyncio.get_running_loop()
        due_at = loop.time() + self._lease_s / 3
        while True:
            await set_within(self._signal, max(due_at - loop.time(), 0.0))
            is_due = loop.time() >= due_at
            is_done = await (self.renew_all() if is_due else self.renew_signalled())
            if not is_done:
                due_at = loop.time() + _AFTER_FAILURE_S
            elif is_due:
                due_at = loop.time() + self._lease_s / 3

    async def renew_all(self) -> bool:
        """Renew every lease; whether that was possible."""
        self._take_signalled()
        is_done = await self._renew(list(self._executions.values()))
        if is_done:
            self._renewed_at = asyncio.get_running_loop().time()
        return is_done

    async def renew_signalled(self) -> bool:
        """Renew the leases of signalled runs; whether that was possible."""
        return await self._renew(self._take_signalled())

    async def renew_late(self) -> None:
        """Renew every lease now if renewal is overdue, because this node was suspended."""
        if asyncio.get_running_loop().time() - self._renewed_at > self._lease_s * _LATE:
            await self.renew_all()

    async def give_back(self, execution: RunExecution, *, handed_over: bool) -> None:
        """Return the lease, so that another node can go on at once; needs the store.

        Args:
            execution: has ended without a terminal event.
            handed_over: it was stopped cleanly; otherwise this attempt counts as a crash.
        """
        lease = execution.claimed.lease
        unit: Unit[Any] = RenewLeases(0.0, [lease])
        if handed_over:
            unit = HandOverRun(lease, begun=execution.began)
        try:
            report = await self._journal.append(unit)
            if isinstance(report, LeaseReport) and report.left_out:
                raise ThreadcastError("unavailable")
        except ThreadcastError as error:
            run_id = execution.claimed.lease.run_id
            log.warning("run %s: its lease could not be given up: %s", run_id, error)

    def _take_signalled(self) -> list[RunExecution]:
        self._signal.clear()
        run_ids, self._signalled = self._signalled, set()
        found = (self._executions.get(run_id) for run_id in run_ids)
        signalled = [execution for execution in found if execution is not None]
        for execution in signalled:
            execution.poll_now()
        return signalled

    async def _renew(self, executions: Collection[RunExecution]) -> bool:
        if not executions:
            return True
        leases = [execution.claimed.lease for execution in executions]
        try:
            report = await self._journal.append(RenewLeases(self._lease_s, leases))
        except ThreadcastError as error:
            log.warning("%d leases could not be renewed: %s", len(leases), error)
            return False
        for execution in executions:
            run_id = execution.claimed.lease.run_id
            if run_id in report.lost:
                execution.lose()
            elif run_id in report.cancelled:
                execution.cancel(report.cancelled[run_id])
        self._signalled |= report.left_out
        return not report.left_out

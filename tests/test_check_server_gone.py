"""A server that dies during a check: untested promises are `not run`, and none is broken."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from server_process import serving, token
from threadcast.check import CheckOptions, Outcome, Verdict, promises_named, run_check
from threadcast.check.options import Target

GONE = "the server went away"


async def test_what_could_not_be_tried_any_more_is_not_run(tmp_path: Path) -> None:
    async with serving(tmp_path, agents="promise_agents:quick") as server:
        target = Target(server.url, (token("ann"), token("bob")))

        def kill(verdict: Verdict) -> None:
            if verdict.name == "connect":
                os.kill(server.pid, signal.SIGKILL)

        names = ("connect", "golden-path", "isolation", "credentials", "limits", "foreign")
        async with asyncio.timeout(20.0):  # golden-path alone would wait for 30 s
            report = await run_check(target, CheckOptions(), promises_named(names), on_verdict=kill)

    first, *others = report.verdicts
    assert first.outcome is Outcome.PASS
    assert {(one.outcome, one.finding.faults) for one in others} == {(Outcome.NOT_RUN, (GONE,))}
    assert len(report.verdicts) == len(names)
    assert (report.gone, report.holds) == (True, False)

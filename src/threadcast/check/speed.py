"""Speed of ids and reads, and success of runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter

from ..ids import UnifiedIdGenerator
from .golden import needed_golden
from .load import needed_load
from .scene import Scene
from .verdict import Finding, NotTried, percentile

ID_BAR_S = 0.001
SESSION_BAR_S = 0.5
RUNS_BAR = 0.99
_IDS = 2_000
_READS = 10


async def judge_id(_scene: Scene) -> Finding:
    """Whether this machine makes a set of ids within a millisecond."""
    took_s = []
    for _ in range(_IDS):
        began = perf_counter()
        UnifiedIdGenerator.generate_user_context_ids("threadcast-check", "check")
        took_s.append(perf_counter() - began)
    return ids_finding(took_s)


def ids_finding(took_s: Sequence[float]) -> Finding:
    """The verdict on the time that each set of ids took, in seconds. Pure."""
    p99 = percentile(took_s, 0.99)
    measured = f"p99 {p99 * 1_000_000:.0f} µs of {len(took_s)}, made here"
    return Finding.judged(measured, [] if p99 < ID_BAR_S else ["it takes too long"])


async def judge_session(scene: Scene) -> Finding:
    """Whether a thread is read, in a session of its own each time, within half a second."""
    thread_id = await scene.first.make_thread()
    took_s, faults = [], []
    for _ in range(_READS):
        answer = await scene.first.ask("GET", f"/v1/threads/{thread_id}")
        took_s.append(answer.took_s)
        if answer.status != 200:
            faults.append(f"a read was answered with HTTP {answer.status} {answer.code}")
    p95 = percentile(took_s, 0.95)
    bar_s = SESSION_BAR_S * scene.options.time_factor
    if p95 >= bar_s:
        faults.append(f"a read takes too long, {bar_s * 1_000:.0f} ms are allowed")
    return Finding.judged(f"p95 {p95 * 1_000:.0f} ms of {_READS} reads", faults)


async def judge_runs(scene: Scene) -> Finding:
    """Whether more than 99 % of the runs that the check asked for were completed."""
    await _play_all(scene)
    if not scene.runs:
        raise NotTried("there was no run")
    faults = []
    for run_id, person in scene.runs.items():
        answer = await person.ask("GET", f"/v1/runs/{run_id}")
        document = answer.json()
        run = document.get("run") if isinstance(document, dict) else None
        status = run.get("status") if isinstance(run, dict) else f"HTTP {answer.status}"
        if status != "completed":
            faults.append(f"{run_id} is {status}")
    share = 1 - len(faults) / len(scene.runs)
    measured = f"{share:.1%} of {len(scene.runs)} runs"
    return Finding.judged(measured, faults if share <= RUNS_BAR else ())


async def _play_all(scene: Scene) -> None:
    """Make runs and deliveries happen; what goes wrong is reported under other promises."""
    with suppress(NotTried):
        await needed_golden(scene)
    with suppress(NotTried):
        await needed_load(scene)


async def judge_foreign(scene: Scene) -> Finding:
    """Whether nothing of one user reached the other, over the whole check."""
    await _play_all(scene)
    witness = scene.witness
    measured = f"{witness.foreign} of {witness.deliveries} deliveries"
    return Finding.judged(measured, witness.strays)

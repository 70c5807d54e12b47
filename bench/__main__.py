"""`scripts/bench`: run every scenario, print the table, write the report and the plot."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import uvloop

from . import consistency, growth, local, migration, reading, scenarios, validation
from .audit import audit_times
from .backups import backups
from .bus import bus
from .clusters import clusters
from .costs import costs
from .figures import Figure, machine, percentile, plot, plot_growth, table
from .ingest import ingest
from .pages import paints
from .server import running_server
from .stores import postgres, stores
from .storm import files, storms

T = TypeVar("T")
_REPORT = Path("bench-report")
_SERVER_CPU, _CLIENT_CPU = 0, 1
_MIGRATED_THREADS = 1_000_000
_COLD_LOADS = 20
_FLAT_MIB = 128.0


def main() -> None:
    """Measure; `--only NAME` measures one scenario."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--only", choices=sorted(_SCENARIOS), action="append")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each scenario (1..20)")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    latencies_ms: dict[str, Sequence[float]] = {}
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {_CLIENT_CPU})
    for name in chosen.only or _SCENARIOS:
        print(f"... {name}", flush=True)
        figures += _SCENARIOS[name](chosen.rounds, latencies_ms)
    text = f"Machine: {machine()}. The server has one core, the clients another.\n\n"
    text += table(figures) + "\n"
    print(text)
    _REPORT.mkdir(exist_ok=True)
    (_REPORT / "report.md").write_text(text)
    if latencies_ms:
        plot(latencies_ms, _REPORT / "latency.svg")
    print(f"written to {_REPORT}/")


def _ids(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    ours_us, theirs_us, ratio = local.id_cost_ratio()
    note = f"{ours_us:.2f} us an id, {theirs_us:.2f} us for str(uuid.uuid4()), same run"
    return [Figure("id, against uuid4", ratio, "x", 1.0, note=note)]


def _session(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    bare, reading = _run(local.session_times_ms())
    return [
        Figure("session open and close, p99", percentile(bare, 0.99), "ms", 1.0, note="no read"),
        Figure("the same with one read, p99", percentile(reading, 0.99), "ms", 1.0, note="SQLite"),
    ]


def _consistency(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    context_us, question_us, snapshot_us = consistency.following_costs_us()
    share = f"making the context takes {context_us:.2f} us, same run"
    return [
        Figure("following ids, off: for each context", question_us, "us", 0.1, note=share),
        Figure("following ids, on: a snapshot", snapshot_us, "us", 20.0, note="4 in each life"),
    ]


def _validation(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    return [
        Figure(
            f"id validation of a request with {name}",
            added,
            "us",
            5.0,
            note=f"added to {bare:.2f} us of the bare application, same run",
        )
        for name, (added, bare) in _run(validation.added_us()).items()
    ]


def _latency(rounds: int, latencies: dict[str, Sequence[float]]) -> list[Figure]:
    all_ms: list[list[float]] = []
    for _ in range(rounds):
        with _server() as server:
            stream = _run(scenarios.streaming(server, users=200, per_second=5, seconds=10))
            all_ms.append(stream.latencies_ms)
    latencies["1,000 events/s, 200 connections"] = _middle(all_ms)
    note = f"200 connections, 1,000 events/s, synchronous=FULL, median of {rounds} runs"
    return [
        Figure("commit to receive, p50", _over(all_ms, 0.5), "ms", 2.0, note=note),
        Figure("commit to receive, p99", _over(all_ms, 0.99), "ms", 10.0, note=note),
    ]


def _streams(rounds: int, latencies: dict[str, Sequence[float]]) -> list[Figure]:
    all_ms, rates, loads = [], [], []
    for _ in range(rounds):
        with _server(max_runs="2000") as server:
            before_s = server.cpu_s()
            stream = _run(scenarios.streaming(server, users=500, per_second=80, seconds=10))
            wall_s = stream.last_at - stream.first_at
            loads.append((server.cpu_s() - before_s) / wall_s)
            rates.append(stream.received / wall_s)
            all_ms.append(stream.latencies_ms)
    latencies["40,000 events/s, 500 connections"] = _middle(all_ms)
    note = (
        f"500 runs of 80 deltas/s, one connection each; server used {median(loads):.2f} of its "
        f"core; median of {rounds} runs"
    )
    return [
        Figure(
            "durable and delivered, of 40,000 offered",
            median(rates),
            "events/s",
            note=f"{note}; the time that the runs take to start is in it",
        ),
        Figure("commit to receive at that rate, p50", _over(all_ms, 0.5), "ms", note=note),
        Figure("commit to receive at that rate, p99", _over(all_ms, 0.99), "ms", 50.0, note=note),
    ]


def _connect(rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    figures = []
    for at_once, target in ((200, 20.0), (1_000, 200.0)):
        all_ms = []
        with _server() as server:
            _run(scenarios.attached_and_gone(server, 100))
            for _ in range(max(3, rounds)):
                all_ms.append(_run(scenarios.connects(server, at_once=at_once)))
        note = "connect, authenticate, attach, caught_up; all begun in the same moment"
        name = f"connect, {at_once:,} at once"
        figures.append(Figure(f"{name}, p50", _over(all_ms, 0.5), "ms", note=note))
        figures.append(Figure(f"{name}, p99", _over(all_ms, 0.99), "ms", target, note=note))
    return figures


def _pages(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    with _server() as server:
        return _run(paints(server, loads=_COLD_LOADS))


def _memory(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    with _server() as server:
        kib = _run(scenarios.idle_memory(server, connections=2_000))
    note = "growth of the resident set over 2,000 attached connections"
    return [Figure("memory per idle connection", kib, "KiB", 30.0, note=note)]


def _resume(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    with _server() as server:
        elapsed_ms = _run(scenarios.resume(server, missed=10_000))
    return [Figure("resume of 10,000 missed events", elapsed_ms, "ms", 500.0, note="median of 5")]


def _ingest(rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    found = []
    limitless = {"requests_per_s": "100000", "requests_burst": "1000000", "log_level": "warning"}
    for _ in range(rounds):
        with _server(**limitless) as server:
            found.append(_run(ingest(server, events=10_000, single=2_000)))
    together = median([one.together_per_s for one in found])
    single = median([one.single_per_s for one in found])
    note = f"{together:,.0f} events/s in one request, {single:,.0f} in one each over 8 connections"
    return [
        Figure("10,000 events in one request", together, "events/s", note="stored and answered"),
        Figure("an event's cost, against one a request", single / together, "x", 0.5, note=note),
        Figure(
            "peak memory of a request with 10,000 events",
            max(one.peak_growth_mib for one in found),
            "MiB",
            16.0,
            note="growth of the server's resident set while it was carried out",
        ),
    ]


def _migrate(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    found = migration.compare(_MIGRATED_THREADS)
    bare = (
        f"{found.whole.cpu_us:.0f} us of processor time a thread; bare executemany of the same"
        f" rows, table by table, same run: {found.inserted_per_s:,.0f} threads/s,"
        f" {found.insert_cpu_us:.0f} us"
    )
    peaks = f"{found.tenth.peak_mib:.0f} MiB for a tenth of them; SQLite's cache is 64 MiB of it"
    count = f"{_MIGRATED_THREADS:,} threads"
    return [
        Figure(f"import of {count}", found.whole.threads_per_s, "threads/s", note=bare),
        Figure("peak memory of that import", found.whole.peak_mib, "MiB", _FLAT_MIB, note=peaks),
    ]


def _audit(rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    return audit_times(rounds)


def _bus(rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    return _run(bus(rounds))


def _stores(rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    return stores(rounds, _server, _run)


def _backups(rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    return _run(backups(rounds))


def _storm(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    return storms(_server, _run)


def _costs(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    return costs(_server, _run)


def _clusters(rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    return clusters(rounds, _run)


def _growth(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    found, figures = growth.growth(_run, {"SQLite": files(), "PostgreSQL": postgres(_run)})
    _REPORT.mkdir(exist_ok=True)
    plot_growth(growth.panels(found), _REPORT / "growth.svg")
    return figures


def _reading(_rounds: int, _latencies: dict[str, Sequence[float]]) -> list[Figure]:
    steps, leaps = _run(reading.scrolling())
    grown = _run(reading.growing())
    figures = []
    for name, shown, target in (
        ("scrolling 5,000 messages, by 120 px a frame", steps, 16.7),
        ("the same, by 2,500 px a frame", leaps, None),
        ("an answer of 200 KB, 1,000 pieces a second", grown, None),
    ):
        note = f"{len(shown.frame_ms)} frames, of which {shown.late_percent:.1f} % came late"
        figures.append(Figure(f"{name}: main thread, a frame", shown.busy_ms, "ms", 16.7, note))
        p95 = percentile(shown.frame_ms, 0.95)
        figures.append(Figure(f"{name}: between frames, p95", p95, "ms", target))
    return figures


_SCENARIOS = {
    "ids": _ids,
    "session": _session,
    "consistency": _consistency,
    "validation": _validation,
    "latency": _latency,
    "streams": _streams,
    "connect": _connect,
    "pages": _pages,
    "memory": _memory,
    "resume": _resume,
    "ingest": _ingest,
    "migrate": _migrate,
    "audit": _audit,
    "stores": _stores,
    "bus": _bus,
    "backups": _backups,
    "storm": _storm,
    "cluster": _clusters,
    "growth": _growth,
    "costs": _costs,
    "reading": _reading,
}


def _server(**settings: str) -> Any:
    return running_server(_SERVER_CPU if (os.cpu_count() or 1) > 1 else None, **settings)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _over(runs: Sequence[Sequence[float]], share: float) -> float:
    return median([percentile(values, share) for values in runs])


def _middle(runs: Sequence[Sequence[float]]) -> Sequence[float]:
    return sorted(runs, key=lambda values: percentile(values, 0.99))[len(runs) // 2]


if __name__ == "__main__":
    main()

"""Figures and their presentation: medians, percentiles, targets, a table and a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PLOT_POINTS = 300
_STORE_COLORS = ("#0f766e", "#c2410c")
_MARKS = "os^D"


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: what was measured.
        value: the figure.
        unit: of value and target.
        target: the highest acceptable value, or None.
        note: how it was measured, and its baseline.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`met`, `missed` or nothing."""
        if self.target is None:
            return ""
        held = self.value <= self.target
        return "met" if held else f"missed, x{self.value / self.target:.2f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The percentile of a share (0..1) by nearest rank.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values were measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> str:
    """One line about this machine."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    return (
        f"{cpu}, {os.cpu_count()} cores, {platform.system()}, CPython {platform.python_version()}"
    )


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| figure | measured | target | verdict | how |", "| --- | ---: | ---: | --- | --- |"]
    for figure in figures:
        target = "" if figure.target is None else f"<= {figure.target:g} {figure.unit}"
        rows.append(
            f"| {figure.name} | {figure.value:,.3g} {figure.unit} | {target} | {figure.verdict} "
            f"| {figure.note} |"
        )
    return "\n".join(rows)


def plot(latencies_ms: dict[str, Sequence[float]], path: Path) -> None:
    """Draw the distribution of each latency as an SVG file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "threadcast"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    shares = [1 - 10 ** (-3 * step / _PLOT_POINTS) for step in range(_PLOT_POINTS)]
    for name, values in latencies_ms.items():
        ordered = sorted(values)
        points = [ordered[int(share * len(ordered))] for share in shares]
        axes.plot([1 / (1 - share) for share in shares], points, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([2, 10, 100, 1000], ["p50", "p90", "p99", "p99.9"])
    axes.set_ylabel("milliseconds")
    axes.set_title("From commit to the reader")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def plot_growth(panels: dict[str, dict[str, Sequence[tuple[int, float]]]], path: Path) -> None:
    """Draw costs by size as an SVG file, one panel beside the other.

    Args:
        panels: by what the size counts; each has lines by store and operation ("SQLite: append"),
            as points of size and microseconds; at most two stores and four operations.
        path: to write to.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "threadcast"
    from matplotlib import pyplot

    mpl.rcParams["svg.fonttype"] = "none"
    figure, all_axes = pyplot.subplots(
        1, len(panels), figsize=(10, 5), sharey=True, layout="constrained"
    )
    for axes, (what, lines) in zip(all_axes, panels.items(), strict=True):
        stores = list(dict.fromkeys(name.split(": ")[0] for name in lines))
        works = list(dict.fromkeys(name.split(": ")[1] for name in lines))
        for name, points in lines.items():
            store, work = name.split(": ")
            axes.plot(
                *zip(*points, strict=True),
                color=_STORE_COLORS[stores.index(store)],
                marker=_MARKS[works.index(work)],
                label=name,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(what)
        axes.grid(visible=True, which="major", alpha=0.25)
    all_axes[0].set_ylabel("microseconds")
    figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle("What one costs as a database grows")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)

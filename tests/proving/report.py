"""What a row of trials found, as a page. Every figure in it was measured in these trials."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from nats_server import program
from postgres_server import NEWEST, programs_of
from proving.removals import REMOVALS, Noticed
from proving.scenarios import SCENARIOS
from proving.trial import Outcome

_PAGE = Path(__file__).with_name("page.md")
_NETWORKS = """All processes run on one machine. In `networks` each node is in a network of its own,
  behind a router that loses packets without a word; elsewhere networks are cut, frozen and made
  unruly by relays between the processes."""
_NO_NETWORKS = """**No node had a network of its own here ({}): in `networks`, too, relays cut
  and froze what a router is to lose.** All processes run on one machine."""


def page(
    outcomes: Sequence[Outcome],
    command: str,
    people: str,
    *,
    no_networks: str | None,
    removals: Sequence[Noticed] = (),
) -> str:
    """The page of these trials.

    Args:
        outcomes: in the order in which they were run.
        command: repeats them.
        people: who was at work, in a sentence.
        no_networks: why nodes had no networks of their own, or None: they had.
        removals: what noticed that safeguards were gone; none where it was not tried.
    """
    wrong = sum(len(one.anomalies) for one in outcomes)
    minutes = sum(one.lasted_s for one in outcomes) / 60
    verdict = (
        f"**{wrong} anomalies** in {_total(outcomes, 'deliveries'):,} deliveries of"
        f" {_total(outcomes, 'events'):,} events, with"
        f" {sum(_faults(outcomes).values()):,} faults in {len(outcomes)} trials,"
        f" {minutes:.0f} minutes."
    )
    return _PAGE.read_text().format(
        people=people,
        networks=_NETWORKS if no_networks is None else _NO_NETWORKS.format(no_networks),
        verdict=verdict,
        rows=_lines(_row(name, _of(outcomes, name)) for name in _names(outcomes)),
        scenarios=_lines(f"- `{name}`: {SCENARIOS[name].about}." for name in _names(outcomes)),
        faults=_lines(f"| `{name}` | {n:,} |" for name, n in sorted(_faults(outcomes).items())),
        removals=_removals(removals),
        command=command,
        seeds=_lines(_seeds(name, _of(outcomes, name)) for name in _names(outcomes)),
        date=datetime.now(UTC).date().isoformat(),
        threadcast=version("threadcast"),
        postgres=_said(str(programs_of(NEWEST) / "postgres")).rpartition(" ")[2],
        nats=_said(str(program())).rpartition("v")[2],
        python=platform.python_version(),
        kernel=platform.release(),
        cpus=len(_cpus()),
    )


def line(outcome: Outcome) -> str:
    """One trial in a line of a terminal."""
    faults = sum(outcome.faults.values())
    return (
        f"{outcome.scenario:<12} seed {outcome.seed:<11} {faults:>3} faults"
        f" {outcome.sends:>6,} sends {outcome.deliveries:>8,} deliveries"
        f" {outcome.take_overs:>4} take-overs  quiet after {outcome.healed_s:4.1f} s"
        f"  {len(outcome.anomalies)} anomalies"
    )


def _names(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(one.scenario for one in outcomes))


def _of(outcomes: Sequence[Outcome], name: str) -> list[Outcome]:
    return [one for one in outcomes if one.scenario == name]


def _total(outcomes: Iterable[Outcome], what: str) -> int:
    return sum(getattr(one, what) for one in outcomes)


def _faults(outcomes: Iterable[Outcome]) -> Counter[str]:
    return sum((Counter(one.faults) for one in outcomes), Counter())


def _row(name: str, of: Sequence[Outcome]) -> str:
    cells = [
        f"`{name}`",
        f"{len(of)}",
        f"{sum(_faults(of).values()):,}",
        *(f"{_total(of, what):,}" for what in ("sends", "events", "deliveries", "take_overs")),
        f"{sum(len(one.anomalies) for one in of)}",
        f"{max(one.healed_s for one in of):.1f} s",
    ]
    return f"| {' | '.join(cells)} |"


def _seeds(name: str, of: Sequence[Outcome]) -> str:
    return f"| `{name}` | {', '.join(str(one.seed) for one in of)} | {_total(of, 'lasted_s'):.0f} |"


def _removals(found: Sequence[Noticed]) -> str:
    if not found:
        return "Not tried in this run; `scripts/prove --removals` does."
    lines = [
        "A checker that finds nothing is worth what it finds when something is wrong. Each of",
        "these was taken out of a copy of the source. The tests named here failed then, as they",
        "should; where a seed is named, a trial did, too. `scripts/prove --removals` repeats it.",
        "`not_live` alone counts only if the same trial finds nothing with all safeguards.",
        "",
        "| | without it | tests that fail | trial that fails, and what it finds |",
        "| ---: | --- | --- | --- |",
    ]
    return _lines([*lines, *(_removal(one) for one in found)])


def _removal(one: Noticed) -> str:
    removal = REMOVALS[one.number]
    tests = "<br>".join(f"`{test}`" for test in one.tests)
    trial = ""
    if removal.trial is not None:
        name, seed = removal.trial
        trial = f"`{name}`, {seed}: {', '.join(one.kinds) or '**nothing**'}"
    silent = "".join(f"<br>**not noticed by `{test}`**" for test in one.silent)
    return f"| {one.number} | {removal.about} | {tests}{silent} | {trial} |"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _said(path: str) -> str:
    """What a program says of its version."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).strip()


def _cpus() -> Sequence[int]:

    return sorted(os.sched_getaffinity(0))

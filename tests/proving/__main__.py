"""`scripts/prove`: trials of all scenarios in turn, until the time is over; then the page.

Exit status 1: something was found; its history and logs are kept.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path

from proving.namespaces import leave_network
from proving.removals import FOUND, REMOVALS, Noticed, noticed
from proving.report import line, page
from proving.scenarios import SCENARIOS
from proving.trial import Outcome, trial
from proving.versions import source_of
from proving.world import Sizes

_FOLDER = Path("prove-report")
_PAGE = Path("docs/explanation/proof.md")
_SHOWN_MAX = 5


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/prove", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="begin no trial after these")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="by default all")
    parser.add_argument("--seed", type=int, help="of the first trial; by default any")
    parser.add_argument("--trials", type=int, help="at most so many; by default any number")
    parser.add_argument("--faults-s", type=float, default=20.0, help="time of faults in a trial")
    parser.add_argument(
        "--removals", action="store_true", help="also take safeguards out, and see what notices"
    )
    parser.add_argument(
        "--older",
        metavar="COMMIT",
        help="also run scenarios in which nodes change between this version and the current one",
    )
    parser.add_argument("--write", action="store_true", help=f"write {_PAGE} from this run")
    chosen = parser.parse_args()
    of_versions = [name for name, one in SCENARIOS.items() if one.of_versions]
    if not chosen.older and set(of_versions) & set(chosen.scenario or ()):
        parser.error("scenario versions needs --older COMMIT")
    chosen.names = chosen.scenario or [
        name for name in SCENARIOS if chosen.older or name not in of_versions
    ]
    return chosen


def main() -> int:
    """Run trials; the exit status."""
    chosen = _arguments()
    seed = random.randrange(1_000_000) if chosen.seed is None else chosen.seed
    sizes = Sizes()
    missing = leave_network()
    if missing is not None:
        print(f"NO NETWORKS OF THEIR OWN FOR NODES ({missing}): relays take their place")
    outcomes = _trials(chosen, seed, sizes, networks=missing is None)
    command = " ".join(
        [
            f"scripts/prove --seed {seed} --trials {len(outcomes)} --minutes 600",
            f"--faults-s {chosen.faults_s:g}",
            *(f"--scenario {name}" for name in chosen.scenario or ()),
            *([f"--older {chosen.older}"] if chosen.older else ()),
        ]
    )
    removals = [_removal(number) for number in REMOVALS] if chosen.removals else []
    text = page(*(outcomes, command, _people(sizes)), no_networks=missing, removals=removals)
    _FOLDER.mkdir(exist_ok=True)
    (_FOLDER / "proof.md").write_text(text)
    if chosen.write:
        _PAGE.write_text(text)
    print(f"\nwritten to {_PAGE if chosen.write else _FOLDER / 'proof.md'}; again: {command}")
    is_right = all(one.caught for one in removals)
    return 1 if any(one.anomalies for one in outcomes) or not is_right else 0


def _trials(
    chosen: argparse.Namespace, seed: int, sizes: Sizes, *, networks: bool
) -> list[Outcome]:
    """Trials of the scenarios in turn, until there are enough or the time is up."""
    until = time.monotonic() + 60 * chosen.minutes
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="threadcast-older-") as folder:
        older = source_of(chosen.older, Path(folder)) if chosen.older else None
        one = partial(_one, sizes=sizes, faults_s=chosen.faults_s, networks=networks, older=older)
        for name, its_seed in islice(_plan(chosen.names, seed), chosen.trials):
            if time.monotonic() >= until:
                break
            outcomes.append(one(name, its_seed))
    return outcomes


def _removal(number: int) -> Noticed:
    found = noticed(number)
    said = f"noticed by {len(found.tests)} tests {', '.join(found.kinds)}"
    print(f"without {number:>2} {said if found.caught else 'NOT NOTICED'}", flush=True)
    return found


def _plan(names: list[str], seed: int) -> Iterator[tuple[str, int]]:
    for its_seed in count(seed):
        for name in names:
            yield name, its_seed


def _one(
    name: str, seed: int, *, sizes: Sizes, faults_s: float, networks: bool, older: Path | None
) -> Outcome:
    folder = _FOLDER / f"{name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    outcome = asyncio.run(
        trial(name, seed, folder, sizes, for_s=faults_s, networks=networks, older=older)
    )
    print(line(outcome), flush=True)
    for anomaly in outcome.anomalies[:_SHOWN_MAX]:
        print(f"  {anomaly.kind}: {anomaly.user}: {anomaly.what}")
    if outcome.anomalies:
        print(f"{FOUND}{', '.join(sorted({one.kind for one in outcome.anomalies}))}")
        print(f"  kept in {folder}/")
    else:
        shutil.rmtree(folder)
    return outcome


def _people(sizes: Sizes) -> str:
    devices = sizes.senders + 2
    return (
        f"{sizes.nodes} nodes at first, and {sizes.users} people with {devices} devices each, which"
        " send, cancel, answer questions, leave and come back on any node; one of each is a program"
        " with `threadcast.client`, one only reads."
    )


if __name__ == "__main__":
    sys.exit(main())

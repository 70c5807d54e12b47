"""Removes safeguards from copies of the source, one at a time, to see which tests notice.

The test command does the same for all of them (`test_ablations`). Where a whole cluster can show
it, a trial runs on the copy, too, with a seed that is known to, and the report names what it found.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ablation_run import run_tests
from proving.versions import PATHS
from test_ablations import ABLATIONS, copy_of_everything, without

_TEST_MAX_S, _TRIAL_MAX_S = 300.0, 600.0
_TRIES_MAX = 3  # a seed does not repeat how processes are scheduled
FOUND = "  kinds of anomalies: "
_KINDS = re.compile(rf"^{FOUND}(.*)$", re.MULTILINE)
_SLOW = {"not_live"}  # a machine that is too slow causes it by itself


@dataclass(frozen=True)
class Removal:
    """A safeguard.

    Attributes:
        about: what goes wrong without it.
        names: of `ABLATIONS`; the trial runs without all of them, tests without one at a time.
        tests: further tests that must fail, besides those of `ABLATIONS`.
        trial: scenario and seed of a trial that must find an anomaly.
    """

    about: str
    names: tuple[str, ...]
    tests: tuple[str, ...] = ()
    trial: tuple[str, int] | None = None


@dataclass(frozen=True)
class Noticed:
    """The result without a safeguard.

    Attributes:
        number: of the safeguard.
        tests: those that failed, as they must.
        silent: those that passed although they must fail.
        kinds: of the anomalies that the trial found; none without a trial.
    """

    number: int
    tests: tuple[str, ...]
    silent: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    @property
    def caught(self) -> bool:
        """Whether every test and trial failed as it must."""
        has_trial = REMOVALS[self.number].trial is not None
        return not self.silent and (bool(self.kinds) or not has_trial)


_LOST_HINTS = (
    "test_lost_hints.py::test_every_event_comes_once_and_in_order_whatever_becomes_of_hints"
)
_DEAF_BUS = "test_bus_nodes.py::test_every_reader_has_every_event_once_whatever_the_bus_does"
_UNKNOWN = "an-unknown-outcome-is-not-called-rejected"
_LOCKS = (
    "postgres-a-fence-is-checked-under-the-lock-of-its-journal",
    "postgres-a-plain-append-holds-its-journal",
)
REMOVALS: dict[int, Removal] = {
    3: Removal(
        "a COMMIT whose answer was lost is called rejected",
        (_UNKNOWN, f"postgres-{_UNKNOWN}"),
    ),
    5: Removal(
        "an append needs no fence",
        (
            "postgres-an-append-needs-the-fence",
            "postgres-a-plain-append-needs-the-fence",
            "postgres-a-plain-append-needs-the-owner",
        ),
        trial=("pauses", 6),
    ),
    6: Removal("fences are checked without a lock", _LOCKS),
    7: Removal(
        "leases are by the clocks of nodes",
        ("postgres-leases-are-by-the-clock-of-the-database",),
    ),
    11: Removal(
        "a hint is believed where it does not continue the cursor",
        ("a-hint-is-believed-only-where-it-continues",),
        (f"{_LOST_HINTS}[unruly, 1]",),
        trial=("bus", 11),
    ),
    12: Removal(
        "heads are not polled",
        ("the-heads-are-polled",),
        (f"{_DEAF_BUS}[all is lost]",),
        trial=("deaf", 11),
    ),
    13: Removal(
        "seqs are given without the lock of the journal's head",
        ("postgres-a-seq-is-given-under-the-lock-of-its-journal", _LOCKS[1]),
    ),
    14: Removal("a standby that lags is read", ("postgres-a-standby-is-not-read",)),
    17: Removal(
        "a connection goes back after a cancelled read",
        ("postgres-a-cancelled-read-costs-its-connection",),
    ),
    21: Removal(
        "feed ids stay after a restore",
        ("a-restore-renews-the-feeds", "a-copy-is-another-life-of-its-journals"),
    ),
}


def noticed(number: int) -> Noticed:
    """Remove a safeguard, and run the tests and the trial that must fail.

    Args:
        number: of `REMOVALS`.
    """
    removal = REMOVALS[number]
    failed: list[str] = []
    silent: list[str] = []
    for name in removal.names:
        with _copy_without((name,)) as copy:
            for test in (*ABLATIONS[name].notices, *removal.tests):
                done = run_tests(copy, test, max_s=_TEST_MAX_S)
                (failed if done.code == 1 else silent).append(test)
    kinds = () if removal.trial is None else _kinds(removal.names, *removal.trial)
    return Noticed(number, tuple(dict.fromkeys(failed)), tuple(silent), kinds)


def _kinds(names: Sequence[str], scenario: str, seed: int) -> tuple[str, ...]:
    """The kinds of anomalies that a trial finds without these safeguards.

    `not_live` alone counts only if the same trial finds nothing with all safeguards.
    """
    for _ in range(_TRIES_MAX):
        found = _found(names, scenario, seed)
        if found - _SLOW or (found and not _found((), scenario, seed)):
            return tuple(sorted(found))
    return ()


def _found(names: Sequence[str], scenario: str, seed: int) -> set[str]:
    """The kinds of anomalies of one trial without these safeguards."""
    with _copy_without(names) as copy:
        paths = os.pathsep.join(str(copy / one) for one in PATHS)
        one = ("--scenario", scenario, "--seed", str(seed), "--trials", "1")
        done = subprocess.run(
            [sys.executable, "-m", "proving", *one],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=_TRIAL_MAX_S,
            check=False,
        )
    assert "written to" in done.stdout, done.stderr[-2_000:]  # else it is no trial
    return {kind for line in _KINDS.findall(done.stdout) for kind in line.split(", ")}


@contextmanager
def _copy_without(names: Sequence[str]) -> Iterator[Path]:
    patches = dict.fromkeys(patch for name in names for patch in ABLATIONS[name].patches)
    with tempfile.TemporaryDirectory(prefix="threadcast-removal-") as folder:
        copy = copy_of_everything(Path(folder))
        with without(patches, copy):
            yield copy

"""Whole clusters under faults, in small numbers: every fault once, and that the judge sees faults.

`scripts/prove` does the same in large numbers. A failure names its seed; what was recorded, and the
nodes' logs, stay in the test's folder.
"""

from __future__ import annotations

from dataclasses import replace
from inspect import iscoroutinefunction
from pathlib import Path

from proving import faults
from proving.faults import Fault
from proving.removals import REMOVALS, Noticed
from proving.report import page
from proving.scenarios import SCENARIOS
from proving.trial import Outcome, trial_of
from proving.world import Sizes
from test_ablations import ABLATIONS
from threadcast.testing.checker import Anomaly

SMALL = Sizes(nodes=2, users=2, senders=1, away_max_s=0.5, rest_max_s=40.0, work_max_s=0.3)
EVERY_FAULT: tuple[Fault, ...] = tuple(
    dict.fromkeys(fault for one in SCENARIOS.values() for lane in one.lanes for fault in lane)
)


async def test_every_fault_once_and_nothing_is_lost_doubled_or_stale(
    tmp_path: Path, seed: int
) -> None:
    outcome = await trial_of(EVERY_FAULT, seed, tmp_path, SMALL)
    assert outcome.anomalies == [], f"seed {seed}, history in {tmp_path}"
    assert outcome.faults == dict.fromkeys(sorted(one.__name__ for one in EVERY_FAULT), 1)
    assert outcome.sends > len(EVERY_FAULT)
    assert outcome.deliveries > 10 * outcome.sends


def test_a_page_says_what_was_found_and_how_to_repeat_it(tmp_path: Path) -> None:
    found = Anomaly("lost", "user-0", "message k1")
    quiet = Outcome("kills", 7, {"node_killed": 3}, 1_000, 20, 300, 4, [], 12.0, 1.5, tmp_path)
    noisy = replace(quiet, scenario="ways", seed=8, faults={"node_killed": 1}, anomalies=[found])
    gone = Noticed(11, ("test_cursor.py::test_a",), ("test_cursor.py::test_b",), ("hole",))
    text = page(
        *([quiet, noisy], "scripts/prove --seed 7", "Two people."),
        no_networks=None,
        removals=[gone],
    )
    assert "**1 anomalies** in 2,000 deliveries of 600 events, with 4 faults in 2 trials" in text
    assert "| `kills` | 1 | 3 | 20 | 300 | 1,000 | 4 | 0 | 1.5 s |" in text
    assert "| `node_killed` | 4 |" in text
    assert "scripts/prove --seed 7" in text
    assert "`bus`, 11: hole |" in text
    assert "**not noticed by `test_cursor.py::test_b`**" in text
    assert "{" not in text


def test_every_fault_is_in_a_scenario() -> None:
    written = {
        name
        for name, value in vars(faults).items()
        if iscoroutinefunction(value) and not name.startswith("_")
    }
    assert written == {fault.__name__ for fault in EVERY_FAULT}


def test_every_safeguard_that_is_taken_out_is_in_the_list_of_ablations() -> None:
    named = {name for removal in REMOVALS.values() for name in removal.names}
    assert named <= ABLATIONS.keys()
    assert all(one.trial is None or one.trial[0] in SCENARIOS for one in REMOVALS.values())

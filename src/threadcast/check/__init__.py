"""Tests a live deployment's promises from outside, as its users would.

`run_check` does it all; `threadcast check` and the pytest plugin call it.
"""

from .options import CheckOptions, Target
from .plan import PROMISES, Promise, promises_named, run_check
from .verdict import Finding, Outcome, Report, Verdict

__all__ = [
    "PROMISES",
    "CheckOptions",
    "Finding",
    "Outcome",
    "Promise",
    "Report",
    "Target",
    "Verdict",
    "promises_named",
    "run_check",
]

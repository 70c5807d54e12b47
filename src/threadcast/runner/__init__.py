"""The runner: claims runs under leases, executes their agents, and ends every run exactly once.

`runner` supervises, `leases` keeps the rights to write, `execution` is one attempt; what an agent
holds is `handle`, and what it emits goes through `emitter` and `output` (checks) to `outbox`
(bounded, in order) and so to the journal.
"""

from .execution import ExecutionLimits
from .runner import Runner

__all__ = ["ExecutionLimits", "Runner"]

"""The runner: claims runs under leases, executes their agents, and ends every run exactly once.

`runner` supervises, `claims` and `leases` acquire and renew the right to write, `execution` is one
attempt. An agent holds a `handle`; what it emits goes through `emitter` and `output` (checks) to
`outbox` (bounded, in order) and from there to the journal.
"""

from .execution import ExecutionLimits
from .runner import Runner

__all__ = ["ExecutionLimits", "Runner"]

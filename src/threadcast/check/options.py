"""The options of a check: the deployment, its users, and the amounts of work."""

from __future__ import annotations

from dataclasses import dataclass

from ..testing import E2EAuthHelper

CONNECTIONS_MAX = 200
CONNECTS_MAX = 2_000
LEEWAY_MAX_S = 60.0
TIME_FACTOR_MAX = 100.0


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment and the credentials of two of its users.

    Attributes:
        url: the server's, as for `connect`.
        tokens: of two different users.
        auth: makes further tokens with the server's secret; None without one.
    """

    url: str
    tokens: tuple[str, str]
    auth: E2EAuthHelper | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """The amounts of work. The defaults suit a server in production.

    Attributes:
        message: makes the deployment's agent think and use a tool.
        long_message: keeps the agent busy for some seconds, so that there is a run to cancel.
        agent: the agent to use; None is the deployment's default.
        connections: how many connects are under way at once, 1..200; fewer where the two users may
            not have so many.
        connects: how many are made in all, 1..2,000.
        threads: how many threads are written in at once under load, 1..20.
        messages: how many messages each of them gets, 1..20.
        cursors: how many cursors are resumed from, 1..200.
        leeway_s: the deployment's `jwt_leeway_s`, 0..60 seconds.
        lifetime_s: how long the token lives whose end is waited for, 0.5..60 seconds.
        time_factor: widens the time limits, for a check from far away, 1..100.
        run_max_s: how long a run may take, seconds.
        timeout_s: how long everything may take, seconds.
        seed: of random choices.

    Raises:
        ValueError: a number is out of its bounds.
    """

    message: str = "what is 12 * 7, and what time is it in Tokyo?"
    long_message: str = "please count to 400"
    agent: str | None = None
    connections: int = 10
    connects: int = 200
    threads: int = 4
    messages: int = 2
    cursors: int = 20
    leeway_s: float = 10.0
    lifetime_s: float = 2.0
    time_factor: float = 1.0
    run_max_s: float = 30.0
    timeout_s: float = 120.0
    seed: int = 0

    def __post_init__(self) -> None:
        bounds: dict[str, tuple[float, float]] = {
            "connections": (1, CONNECTIONS_MAX),
            "connects": (1, CONNECTS_MAX),
            "threads": (1, 20),
            "messages": (1, 20),
            "cursors": (1, 200),
            "leeway_s": (0, LEEWAY_MAX_S),
            "lifetime_s": (0.5, 60),
            "time_factor": (1, TIME_FACTOR_MAX),
            "run_max_s": (1, 3_600),
            "timeout_s": (1, 3_600),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name}: expected {low:g} to {high:g}, got {value:g}")

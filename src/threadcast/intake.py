"""From a client's message to the unit that the journal commits: limits, defaults, agent, digest.

Shared by the WebSocket and the HTTP entrance, so that a message means the same at both. It checks
what needs no store; the rest is decided inside the commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from .agent import Agent
from .auth.identity import Identity
from .check_modes import Check, Refuse, always
from .clock import Clock
from .context import UserExecutionContext
from .errors import ThreadcastError
from .events import encode_json
from .rates import BucketPerKey, rate_limited
from .runs import OnBusy, OnDisconnect
from .settings import Settings
from .store.units import MessageAccepted, SendMessage


class Intake:
    """Builds units from what clients send.

    Args:
        agents: by name; the first one answers where no agent is named.
        settings: limits per user and plan.
        clock: for the rate of run starts.
        refuse: is called with the reason for a start beyond that rate.
        run_limit: how strictly a user's runs are bounded; enforced when not given.
    """

    def __init__(
        self,
        agents: Mapping[str, Agent],
        settings: Settings,
        clock: Clock,
        *,
        refuse: Refuse = always,
        run_limit: Check | None = None,
    ) -> None:
        self._agents = agents
        self._refuse = refuse
        self._run_limit = run_limit
        self._settings = settings
        self._clock = clock
        self._starts = BucketPerKey(settings.run_starts_per_s, settings.run_starts_burst)

    def take_settings(self, settings: Settings) -> None:
        """Apply these limits from now on."""
        self._settings = settings
        self._starts.allow(settings.run_starts_per_s, settings.run_starts_burst)

    def connection_limit(self, identity: Identity) -> int:
        """How many connections this user may have at the same time."""
        settings = self._settings
        return settings.max_connections_per_plan.get(
            identity.plan or "", settings.max_connections_per_user
        )

    def message(
        self,
        identity: Identity,
        context: UserExecutionContext,
        *,
        content: str,
        client_message_id: str,
        thread_id: str | None = None,
        agent: str | None = None,
        on_busy: OnBusy = "queue",
        on_disconnect: OnDisconnect = "continue",
    ) -> SendMessage:
        """The unit that stores a message and its run. All fields are already well-formed.

        Args:
            identity: whose.
            context: that user's, with the ids that the message and its run will have.
            content, client_message_id, agent, on_busy, on_disconnect: as they were sent.
            thread_id: where the message goes; None makes a new thread, that of `context`.

        Raises:
            ThreadcastError: `unknown_agent`, or `rate_limited` with the time to wait.
        """
        chosen = self._agent(agent)
        self._admit_start(identity.user_id)
        settings, plan = self._settings, identity.plan or ""
        return SendMessage(
            context=context,
            new_thread=thread_id is None,
            content=content,
            client_message_id=client_message_id,
            digest=_digest(content, thread_id, agent),
            agent=chosen.name,
            on_crash=chosen.on_crash,
            on_busy=on_busy,
            on_disconnect=on_disconnect,
            user_runs_max=settings.max_runs_per_plan.get(plan, settings.max_runs_per_user),
            user_runs_enforced=self._run_limit is None or self._run_limit.mode == "enforce",
            user_executing_max=settings.max_executing_runs_per_plan.get(
                plan, settings.max_executing_runs_per_user
            ),
        )

    def note_accepted(self, result: MessageAccepted) -> None:
        """Note an accepted message, so that a run beyond its user's limit is reported."""
        if result.beyond_limit and self._run_limit is not None:
            self._run_limit.notice(ThreadcastError("too_many_runs"))

    def _agent(self, name: str | None) -> Agent:
        if name is None:
            return next(iter(self._agents.values()))
        if name not in self._agents:
            known = ", ".join(sorted(self._agents))
            raise ThreadcastError("unknown_agent", f"agent: expected one of {known}")
        return self._agents[name]

    def _admit_start(self, user_id: str) -> None:
        wait_s = self._starts.take(user_id, self._clock.monotonic())
        if wait_s:
            allowed = f"at most {self._settings.run_starts_per_s:g} messages a second"
            self._refuse(rate_limited(wait_s, allowed))


def _digest(content: str, thread_id: str | None, agent: str | None) -> bytes:
    return blake2b(encode_json([content, thread_id, agent]), digest_size=16).digest()

"""The alert rules as one table: metric, threshold, what it means, what to do.

The server judges itself by these rules, and the Prometheus rules and the Grafana dashboard are
written from them. A rule names metrics as they are exported; nothing here reads one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .measures import (
    Level,
    LevelShare,
    Measure,
    PerMinute,
    Quantile,
    Rise,
    Series,
    Share,
    Success,
    Unit,
)

Severity = Literal["critical", "high", "medium"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. It is met while the value is beyond the threshold and the sample is large enough.

    Attributes:
        name: its name in settings, labels and notifications.
        severity: how bad it is.
        measure: what the value is made of.
        unit: of value and threshold.
        threshold: the value that is still good.
        least, most: what the threshold may be set to, inclusive; None where it is fixed.
        window_s: the window over which counters are compared, in seconds.
        sample_least: with fewer attempts in the window the rule concludes nothing.
        faults_least: the same for faults, however few the attempts.
        for_s: how long it must be met before it fires, in seconds.
        clear_s: how long it must not be met before it has recovered, in seconds.
        summary: what is wrong, one sentence.
        was: the same in the past tense, for after its recovery.
        faults: for a measure of success, what the failed share did, as in "30 % of runs failed".
        meaning: what users notice, and what is counted.
        advice: what to do first.
    """

    name: str
    severity: Severity
    measure: Measure
    unit: Unit
    threshold: float
    least: float | None = None
    most: float | None = None
    window_s: int = 300
    sample_least: int = 0
    faults_least: int = 0
    for_s: int = 60
    clear_s: int = 120
    summary: str
    was: str
    faults: str = ""
    meaning: str
    advice: str

    @property
    def looks_back_s(self) -> int | None:
        """The window of its value in seconds; None where the value is an instantaneous one."""
        return None if isinstance(self.measure, Level | LevelShare) else self.window_s

    @property
    def is_floor(self) -> bool:
        """Whether the value must not fall below the threshold; else it must not rise above it."""
        return isinstance(self.measure, Success)


RULES: tuple[Rule, ...] = (
    Rule(
        name="foreign_delivery",
        severity="critical",
        measure=Rise(Series("threadcast_foreign_deliveries_total")),
        unit="count",
        threshold=0,
        window_s=900,
        for_s=0,
        clear_s=0,
        summary="Events of one user were about to be sent to another.",
        was="Events of one user were about to be sent to another.",
        meaning="The last check before the socket stopped them and closed the connection. Nobody"
        " saw them, but what should have kept users apart did not.",
        advice="Keep the log: it names connection, seq and thread. Look at what changed last"
        " (store, bus, version), take the server out of service if it goes on, and report it.",
    ),
    Rule(
        name="connect_success",
        severity="high",
        measure=Success(
            good=(Series("threadcast_connects_total", "outcome", ("accepted",)),),
            bad=(Series("threadcast_connects_total", "outcome", ("failed",)),),
        ),
        unit="share",
        threshold=0.995,
        least=0.0,
        most=1.0,
        sample_least=20,
        faults_least=3,
        summary="Too many connection attempts fail.",
        was="Too many connection attempts failed.",
        faults="of connection attempts failed",
        meaning="Users cannot connect through no fault of theirs: the server is full, or store or"
        " signing keys cannot be read. Refused credentials, limits and restarts do not count.",
        advice="See which codes rise in threadcast_refusals_total; look at /readyz, at"
        " max_connections and at the log.",
    ),
    Rule(
        name="run_success",
        severity="high",
        measure=Success(
            good=(Series("threadcast_runs_total", "outcome", ("completed",)),),
            bad=(
                Series("threadcast_runs_total", "outcome", ("failed",)),
                Series("threadcast_take_overs_total", "outcome", ("ended",)),
            ),
        ),
        unit="share",
        threshold=0.99,
        least=0.0,
        most=1.0,
        sample_least=20,
        faults_least=3,
        summary="Too many runs fail.",
        was="Too many runs failed.",
        faults="of runs failed",
        meaning="Users get no answer. Cancelled runs do not count; runs that ended because their"
        " node was lost do. A run that is handed over counts when it ends.",
        advice="See by which code, in the console or in threadcast_run_failures_total: agent_error"
        " is the agent's fault (the log has its traceback), model_error its model's; timed_out runs"
        " took too long, node_lost ones ended with their node.",
    ),
    Rule(
        name="resume_success",
        severity="high",
        measure=Success(
            good=(Series("threadcast_resumes_total", "outcome", ("continued",)),),
            bad=(Series("threadcast_resumes_total", "outcome", ("diverged", "failed")),),
        ),
        unit="share",
        threshold=0.95,
        least=0.0,
        most=1.0,
        sample_least=20,
        faults_least=3,
        summary="Too many readers cannot continue where they were.",
        was="Too many readers could not continue where they were.",
        faults="of readers could not continue where they were",
        meaning="The journal could not be read, or it has another history than these readers saw."
        " Resets by retention, by a new feed or by a cursor that never was do not count.",
        advice="The database is not the one that these readers read before, or has lost its tail:"
        " look at database_url, and at what was restored or failed over.",
    ),
    Rule(
        name="commit_failures",
        severity="high",
        measure=PerMinute(Series("threadcast_commit_failures_total")),
        unit="per_minute",
        threshold=1,
        least=0.0,
        most=1_000_000.0,
        window_s=120,
        sample_least=2,
        for_s=0,
        summary="Commits fail.",
        was="Commits failed.",
        meaning="Nothing can be stored: messages are refused, and runs stand still.",
        advice="Look at the database, its disk and the log. The label code of"
        " threadcast_commit_failures_total says why: storage_full asks for room.",
    ),
    Rule(
        name="commit_latency",
        severity="high",
        measure=Quantile("threadcast_commit_seconds", 0.99),
        unit="seconds",
        threshold=0.25,
        least=0.0001,
        most=10.0,
        sample_least=100,
        summary="Commits are slow.",
        was="Commits were slow.",
        meaning="The 99th percentile of a commit's time. Every message and every streamed word"
        " waits for its commit, so users see text stutter.",
        advice="`threadcast doctor` measures the disk. Look for other programs on it, and for a"
        " held event loop (threadcast_loop_blocked_seconds).",
    ),
    Rule(
        name="catch_up_lag",
        severity="high",
        measure=Level(Series("threadcast_oldest_catch_up_seconds")),
        unit="seconds",
        threshold=30,
        least=0.1,
        most=3_600.0,
        for_s=0,
        clear_s=60,
        summary="A reader waits long for events that are there.",
        was="A reader waited long for events that were there.",
        meaning="For how long the longest catch-up under way has been. Only the server's own delay"
        " counts: a reader that does not read is not waited for.",
        advice="Reads of the store are slow, or too many readers came back at once: see"
        " catch_up_concurrency and store_readers.",
    ),
    Rule(
        name="readers_behind",
        severity="medium",
        measure=LevelShare(Series("threadcast_lagging_readers"), Series("threadcast_connections")),
        unit="share",
        threshold=0.2,
        least=0.0,
        most=1.0,
        sample_least=10,
        for_s=120,
        summary="Many readers are behind.",
        was="Many readers were behind.",
        meaning="The share of connections that were live and fell behind. A few slow networks are"
        " normal; many at once are not.",
        advice="Look at the network and at the proxy, and at how much one user is sent"
        " (threadcast_deliveries_total).",
    ),
    Rule(
        name="sign_in_success",
        severity="medium",
        measure=Success(
            good=(Series("threadcast_credentials_total", "outcome", ("accepted",)),),
            bad=(Series("threadcast_credentials_total", "outcome", ("refused",)),),
        ),
        unit="share",
        threshold=0.5,
        least=0.0,
        most=1.0,
        sample_least=20,
        faults_least=10,
        summary="Most credentials are refused.",
        was="Most credentials were refused.",
        faults="of credentials were refused",
        meaning="Tokens were signed by another key, expired, or meant for another audience. Users"
        " without another token cannot sign in; existing connections stay until their tokens"
        " expire.",
        advice="See the codes in threadcast_refusals_total. For token_invalid, compare the keys of"
        " both sides, jwt_audience and jwt_issuer; for token_expired or token_not_yet_valid, the"
        " clocks. Otherwise somebody may be guessing tokens.",
    ),
    Rule(
        name="thread_lookups",
        severity="medium",
        measure=PerMinute(Series("threadcast_thread_lookups_failed_total")),
        unit="per_minute",
        threshold=10,
        least=0.0,
        most=1_000_000.0,
        sample_least=10,
        summary="Many threads are not found.",
        was="Many threads were not found.",
        meaning="Clients ask for threads with ids that are no ids, are of an older system, or are"
        " not theirs.",
        advice="The label reason says which. After a release of a client, compare the ids that it"
        " sends; legacy_id asks for `threadcast migrate-ids`; bad_id and not_found alone may be"
        " somebody who guesses.",
    ),
    Rule(
        name="id_violations",
        severity="medium",
        measure=Share(
            Series("threadcast_id_violations_total"), Series("threadcast_id_checks_total")
        ),
        unit="share",
        threshold=0.01,
        least=0.0,
        most=1.0,
        window_s=600,
        sample_least=100,
        faults_least=3,
        summary="Many requests carry unusable ids.",
        was="Many requests carried unusable ids.",
        meaning="Ids drift: somebody sends ids that were not made by the generator.",
        advice="The labels kind and place say which ids, and where they stand. See the statistics"
        " of id validation for examples.",
    ),
)

BY_NAME: dict[str, Rule] = {rule.name: rule for rule in RULES}

WINDOW_MAX_S = max(rule.window_s for rule in RULES)


def thresholds(changed: dict[str, float]) -> dict[str, float]:
    """Every rule's threshold: what was set, else what the table has.

    Args:
        changed: by name of a rule, checked.
    """
    return {rule.name: changed.get(rule.name, rule.threshold) for rule in RULES}


def shown(value: float, rule: Rule) -> str:
    """A value of a rule, or its threshold, for people."""
    match rule.unit:
        case "share":
            return f"{value * 100:.4g} %"
        case "per_minute":
            return f"{value:.4g} per minute"
        case "seconds":
            return f"{value:.4g} s"
        case "count":
            return f"{value:.4g}"

"""Alert rules: the table, when one fires, and when it recovers."""

from __future__ import annotations

from typing import Any

import pytest

from threadcast.alerts.judging import Change, Reading, Watched, is_met, quantile_of, read
from threadcast.alerts.measures import (
    Level,
    LevelShare,
    PerMinute,
    Quantile,
    Rise,
    Series,
    Success,
    sample_names,
)
from threadcast.alerts.rules import BY_NAME, RULES, SEVERITIES, Rule, shown, thresholds
from threadcast.alerts.samples import Sample, Samples, take
from threadcast.metrics import CLOSED_SETS, Metrics

REMINDER_S = 3_600.0


class Scene:
    """Metrics that are looked at by hand."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.samples = Samples(900)
        self.at = 0.0
        self.look(0)

    def look(self, seconds: float) -> None:
        """Let time pass and take a sample."""
        self.at += seconds
        names = frozenset().union(*(sample_names(rule.measure) for rule in RULES))
        self.samples.add(take(self.metrics.registry, names, at=self.at))

    def read(self, name: str) -> Reading:
        """What the rule's measure says now."""
        return read(BY_NAME[name], self.samples)

    def met(self, name: str) -> bool:
        """Whether the rule is met now."""
        rule = BY_NAME[name]
        return is_met(rule, rule.threshold, self.read(name))

    def runs(self, **outcomes: int) -> None:
        """Count runs."""
        for outcome, count in outcomes.items():
            self.metrics.runs.labels(outcome).inc(count)


# --- the table --------------------------------------------------------------------------------


def test_names_are_unique_and_the_worst_is_first() -> None:
    assert len(BY_NAME) == len(RULES)
    assert {rule.severity for rule in RULES} == set(SEVERITIES)
    assert (RULES[0].name, RULES[0].severity) == ("foreign_delivery", "critical")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_reads_metrics_that_exist(rule: Rule) -> None:
    metrics = Metrics()
    metrics.id_violations.labels("kind", "place")
    metrics.commit_failures.labels("unavailable")
    exported = {sample.name for one in metrics.registry.collect() for sample in one.samples}
    assert sample_names(rule.measure) <= exported
    for series in _series_of(rule.measure):
        if series.label:
            assert set(series.values) <= set(CLOSED_SETS[_attribute(series.name)])


def _attribute(name: str) -> str:
    return name.removeprefix("threadcast_").removesuffix("_total")


def _series_of(measure: Any) -> list[Series]:
    return [*measure.good, *measure.bad] if isinstance(measure, Success) else []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_threshold_lies_in_its_bounds_and_texts_are_sentences(rule: Rule) -> None:
    if rule.least is not None and rule.most is not None:
        assert rule.least <= rule.threshold <= rule.most
    for text in (rule.summary, rule.was, rule.meaning, rule.advice):
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith(".")
    assert shown(rule.threshold, rule)


def test_the_bars_are_those_that_were_promised() -> None:
    promised = {"connect_success": 0.995, "run_success": 0.99, "resume_success": 0.95}
    assert {name: BY_NAME[name].threshold for name in promised} == promised
    assert BY_NAME["foreign_delivery"].threshold == 0
    assert BY_NAME["foreign_delivery"].least is None  # nobody may raise it


def test_a_changed_threshold_takes_its_rules_place_and_no_other() -> None:
    chosen = thresholds({"run_success": 0.5})
    assert chosen.pop("run_success") == 0.5
    assert chosen == {r.name: r.threshold for r in RULES if r.name != "run_success"}


# --- what is measured -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "met"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"completed": 1, "failed": 1}, False, id="one-of-two"),
        pytest.param({"failed": 19}, False, id="all-of-too-few"),
        pytest.param({"failed": 20}, True, id="all-of-enough"),
        pytest.param({"completed": 40, "failed": 2}, False, id="too-few-faults"),
        pytest.param({"completed": 40, "failed": 3}, True, id="enough-of-both"),
        pytest.param({"completed": 297, "failed": 3}, False, id="exactly-the-threshold"),
        pytest.param({"completed": 296, "failed": 3}, True, id="just-below-it"),
        pytest.param({"cancelled": 500}, False, id="cancelled-is-not-failed"),
        pytest.param({"lost": 50, "given_up": 50}, False, id="another-attempt-counts"),
    ],
)
def test_run_success(outcomes: dict[str, int], met: bool) -> None:
    scene = Scene()
    scene.runs(**outcomes)
    scene.look(10)
    assert scene.met("run_success") is met


def test_a_run_that_ended_because_its_node_was_lost_has_failed() -> None:
    scene = Scene()
    scene.runs(completed=20)
    scene.metrics.take_overs.labels("requeued").inc(20)
    scene.look(10)
    assert not scene.met("run_success")
    scene.metrics.take_overs.labels("ended").inc(3)
    scene.look(10)
    assert scene.met("run_success")


def test_a_refused_client_is_no_failed_connect_and_a_failed_one_is() -> None:
    scene = Scene()
    scene.metrics.connects.labels("accepted").inc(100)
    for _ in range(500):
        scene.metrics.count_connect_refused(failed=False)
    scene.look(10)
    assert scene.read("connect_success") == Reading(1.0, 100, 0)
    for _ in range(3):
        scene.metrics.count_connect_refused(failed=True)
    scene.look(10)
    assert scene.met("connect_success")


@pytest.mark.parametrize(("refused", "met"), [(9, False), (19, False), (21, True)])
def test_refused_credentials_are_wrong_when_they_are_most(refused: int, met: bool) -> None:
    scene = Scene()
    scene.metrics.credentials.labels("accepted").inc(20)
    scene.metrics.credentials.labels("refused").inc(refused)
    scene.look(10)
    assert scene.met("sign_in_success") is met


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [("trimmed", 0), ("new_feed", 0), ("cursor_ahead", 0), ("diverged", 10), ("failed", 10)],
)
def test_which_resumes_count_against_success(outcome: str, counts: int) -> None:
    scene = Scene()
    scene.metrics.resumes.labels("continued").inc(100)
    scene.metrics.resumes.labels(outcome).inc(10)
    scene.look(10)
    reading = scene.read("resume_success")
    assert (reading.sample, reading.faults) == (100 + counts, counts)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    scene = Scene()
    scene.runs(failed=30)
    scene.look(10)
    assert scene.met("run_success")
    for _ in range(29):
        scene.look(10)
    assert scene.met("run_success")  # the sample of 300 s ago is from before
    scene.look(10)
    assert not scene.met("run_success")
    assert scene.read("run_success").value is None


def test_failed_lookups_are_counted_by_the_minute_whatever_the_reason() -> None:
    scene = Scene()
    for reason in CLOSED_SETS["thread_lookups_failed"]:
        scene.metrics.thread_lookups_failed.labels(reason).inc(20)
    scene.look(10)
    assert scene.read("thread_lookups") == Reading(12.0, 60, 60)
    assert scene.met("thread_lookups")


def test_violations_are_a_share_of_the_checks() -> None:
    scene = Scene()
    scene.metrics.id_checks.source = lambda: 99.0
    scene.metrics.id_violations.labels("thread", "path").inc(9)
    scene.look(10)
    assert not scene.met("id_violations")  # too few to say
    scene.metrics.id_checks.source = lambda: 100.0
    scene.look(10)
    assert scene.met("id_violations")
    assert scene.read("id_violations").value == pytest.approx(0.09)


def test_lag_is_what_it_is_now() -> None:
    scene = Scene()
    scene.metrics.oldest_catch_up_seconds.set(31)
    scene.metrics.connections.set(9)
    scene.metrics.lagging.set(9)
    scene.look(10)
    assert scene.met("catch_up_lag")
    assert not scene.met("readers_behind")  # all, but of nine
    scene.metrics.connections.set(30)
    scene.metrics.oldest_catch_up_seconds.set(30)
    scene.look(10)
    assert scene.met("readers_behind")
    assert not scene.met("catch_up_lag")


def test_commit_latency_is_that_of_the_window() -> None:
    scene = Scene()
    for _ in range(1_000):
        scene.metrics.commit_seconds.observe(5.0)
    scene.look(10)
    assert scene.met("commit_latency")
    for _ in range(31):
        scene.look(10)
    for _ in range(200):
        scene.metrics.commit_seconds.observe(0.0008)
    scene.look(10)
    reading = scene.read("commit_latency")
    assert reading.value is not None
    assert 0.0005 < reading.value <= 0.001
    assert reading.sample == 200


@pytest.mark.parametrize(
    ("counts", "quantile", "expected"),
    [
        ([(1.0, 10.0), (2.0, 20.0), (float("inf"), 20.0)], 0.5, 1.0),
        ([(1.0, 10.0), (2.0, 20.0), (float("inf"), 20.0)], 0.75, 1.5),
        ([(1.0, 10.0), (float("inf"), 20.0)], 0.99, 1.0),  # beyond the last bound: that bound
        ([(1.0, 0.0), (2.0, 0.0), (4.0, 8.0), (float("inf"), 8.0)], 0.5, 3.0),
        ([(float("inf"), 8.0)], 0.5, 0.0),
    ],
)
def test_a_quantile_is_what_prometheus_says(
    counts: list[tuple[float, float]], quantile: float, expected: float
) -> None:
    assert quantile_of(counts, quantile) == pytest.approx(expected)


def test_samples_are_bounded_however_often_they_are_taken() -> None:
    scene = Scene()
    for _ in range(50_000):
        scene.samples.add(Sample(scene.at, {}))
        scene.at += 0.05
    assert len(scene.samples) <= 903
    assert scene.samples.latest.at - scene.samples.before(900).at >= 900


# --- states -----------------------------------------------------------------------------------


def rule(for_s: int, clear_s: int) -> Watched:
    """A watched rule with these times."""
    level = Rule(
        name="x",
        severity="high",
        measure=Level(Series("x")),
        unit="count",
        threshold=0,
        for_s=for_s,
        clear_s=clear_s,
        summary="",
        was="",
        meaning="",
        advice="",
    )
    return Watched(level)


def walk(watched: Watched, *steps: tuple[float, bool]) -> list[Change | None]:
    """What is told when it is met, or not, at these times."""
    reading = Reading(1, 1, 1)
    return [
        watched.step(reading, met=met, at=at, now=1_000 + at, reminder_s=REMINDER_S)
        for at, met in steps
    ]


def test_it_fires_when_it_was_met_for_long_enough() -> None:
    watched = rule(60, 120)
    assert walk(watched, (0, True), (59, True)) == [None, None]
    assert watched.state == "pending"
    assert walk(watched, (60, True), (70, True)) == ["firing", None]
    assert (watched.state, watched.since, watched.met_since) == ("firing", 1_060, 1_000)


def test_a_short_spike_does_not_fire() -> None:
    watched = rule(60, 120)
    assert walk(watched, (0, True), (50, False), (60, True), (110, True)) == [None] * 4
    assert walk(watched, (120, True)) == ["firing"]


def test_it_has_recovered_when_it_was_not_met_for_long_enough() -> None:
    watched = rule(0, 120)
    assert walk(watched, (0, True)) == ["firing"]
    swinging = [(10, False), (20, True), (30, False), (140, True), (150, False), (269, False)]
    assert walk(watched, *swinging) == [None] * 6
    assert watched.state == "firing"
    assert walk(watched, (270, False), (280, False)) == ["recovered", None]
    assert (watched.state, watched.since) == ("ok", 1_270)


def test_its_cause_ended_with_the_last_fault_and_not_with_the_window() -> None:
    watched = Watched(BY_NAME["commit_failures"])
    for now, faults, met in ((10, 7, False), (20, 12, True), (30, 13, True), (140, 13, True)):
        watched.count(faults, now)
        watched.step(Reading(5, 5, 5), met=met, at=now, now=now, reminder_s=1_000)
    assert (watched.state, watched.met_since, watched.last_at) == ("firing", 20, 30)


def test_without_faults_to_count_its_cause_ended_when_it_was_met_last() -> None:
    watched = rule(for_s=0, clear_s=50)
    assert watched.last_at is None
    walk(watched, (10, True), (20, True), (30, False))
    assert watched.last_at == watched.met_until


def test_a_reminder_comes_once_for_each_interval() -> None:
    watched = rule(0, 0)
    told = walk(watched, (0, True), (3_599, True), (3_600, True), (3_610, True), (7_200, True))
    assert told == ["firing", None, "reminder", None, "reminder"]
    assert walk(watched, (7_210, False), (7_220, True)) == ["recovered", "firing"]


def test_nothing_to_measure_is_never_bad() -> None:
    for one in RULES:
        assert not is_met(one, one.threshold, Reading(None, 1_000, 1_000))


def test_the_kinds_of_measures_are_all_in_use() -> None:
    kinds = {type(one.measure) for one in RULES}
    assert kinds >= {Success, PerMinute, Rise, Level, LevelShare, Quantile}

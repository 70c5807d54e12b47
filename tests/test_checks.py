"""Checks in stages: the effect of each mode, and one log line a second for many refusals."""

from __future__ import annotations

import logging
from typing import cast

import pytest

from threadcast.check_modes import Check, CheckMode, always
from threadcast.errors import ThreadcastError
from threadcast.server_checks import ServerChecks
from threadcast.settings import Settings
from threadcast.testing import ManualClock

REASON = ThreadcastError("rate_limited", "at most 5 a second")


def check(mode: CheckMode, tolerated: list[str], clock: ManualClock | None = None) -> Check:
    return Check("rates", mode, clock=clock or ManualClock(), on_tolerated=tolerated.append)


def test_enforce_refuses_and_counts_nothing_as_let_pass() -> None:
    tolerated: list[str] = []
    with pytest.raises(ThreadcastError, match="at most 5 a second"):
        check("enforce", tolerated).refuse(REASON)
    assert tolerated == []


def test_warn_lets_pass_counts_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    tolerated: list[str] = []
    check("warn", tolerated).refuse(REASON)
    assert tolerated == ["rates"]
    assert "rates would refuse: rate_limited: at most 5 a second" in caplog.text


def test_off_lets_pass_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tolerated: list[str] = []
    check("off", tolerated).refuse(REASON)
    assert (tolerated, caplog.text) == ([], "")


def test_the_mode_can_be_changed_at_any_time() -> None:
    changing = check("off", [])
    changing.refuse(REASON)
    changing.mode = "enforce"
    with pytest.raises(ThreadcastError):
        changing.refuse(REASON)


def test_a_misspelt_mode_is_refused_and_the_old_one_stays() -> None:
    app = check("enforce", [])
    with pytest.raises(ValueError, match="got 'enfroce'"):
        app.mode = cast("CheckMode", "enfroce")
    assert app.mode == "enforce"
    with pytest.raises(ValueError, match="expected enforce, warn or off"):
        check(cast("CheckMode", []), [])


def test_a_storm_is_counted_whole_and_logged_once_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, tolerated = ManualClock(), list[str]()
    stormy = check("warn", tolerated, clock)
    for _ in range(1_000):
        stormy.refuse(REASON)
    clock.advance(1.0)
    stormy.refuse(REASON)
    assert len(tolerated) == 1_001
    assert len(caplog.records) == 2
    assert "(999 more since the last line)" in caplog.records[1].getMessage()


def test_without_a_check_everything_is_refused() -> None:
    with pytest.raises(ThreadcastError):
        always(REASON)


def test_every_check_of_a_server_has_a_live_setting_of_its_name() -> None:
    checks = ServerChecks.from_settings(
        Settings(), clock=ManualClock(), on_tolerated=list[str]().append
    )
    assert {one.mode for one in (checks.ids, checks.rates, checks.hosts)} == {"enforce"}
    off = {
        one.name: "off"
        for one in (
            checks.ids,
            checks.rates,
            checks.connections,
            checks.runs,
            checks.origins,
            checks.hosts,
        )
    }
    checks.take_settings(Settings(**off))  # type: ignore[arg-type]
    assert {one.mode for one in (checks.ids, checks.connections, checks.runs)} == {"off"}
    assert {one.mode for one in (checks.rates, checks.origins, checks.hosts)} == {"off"}

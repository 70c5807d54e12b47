"""`threadcast alerts`, run as a program: the rules, the test of the sinks, the exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from program import environment, run
from threadcast.alerts.rules import RULES
from threadcast.cli import main
from webhook_server import SECRET_PATH, Answer, webhook_server

SECRET = "0123456789abcdef0123456789abcdef"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, output, errors of the program in this process."""
    status = main(["alerts", *arguments])
    out, errors = capsys.readouterr()
    return status, out, errors


def test_list_shows_every_rule_and_who_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("THREADCAST_ALERT_SLACK_URL", f"https://hooks.example.com{SECRET_PATH}")
    config = tmp_path / "threadcast.toml"
    config.write_text("alert_thresholds = {run_success = 0.98, thread_lookups = 3}\n")
    status, out, errors = said(capsys, "list", "--config", str(config))
    rows = {line.split()[0]: line for line in out.splitlines()[1:] if line}
    assert (status, errors) == (0, "")
    assert set(rows) == {rule.name for rule in RULES} | {"Sinks:"}
    assert "at least 98 %" in rows["run_success"]
    assert "at most 3 per minute" in rows["thread_lookups"]
    assert "at once" in rows["foreign_delivery"]
    assert rows["Sinks:"] == "Sinks: log, slack."
    assert SECRET_PATH not in out


def test_list_says_that_alerts_are_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADCAST_ALERTS", "off")
    assert "Alerts are off" in said(capsys, "list")[1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("run_succes=0.9", 'did you mean "run_success"?'),
        ("run_success=2", "expected a number from 0 to 1"),
        ("run_success", "expected name=number"),
        ("run_success=x", "got"),
    ],
)
def test_a_wrong_threshold_is_one_line_and_78(
    given: str,
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("THREADCAST_ALERT_THRESHOLDS", given)
    status, out, errors = said(capsys, "list")
    assert (status, out, errors.count("\n")) == (78, "", 1)
    assert "THREADCAST_ALERT_THRESHOLDS: alert_thresholds: " in errors
    assert expected in errors


async def test_a_test_says_of_every_sink_whether_it_arrived() -> None:
    async with webhook_server() as well, webhook_server(Answer(404)) as badly:
        variables = environment(
            THREADCAST_ALERT_WEBHOOK_URL=well.url,
            THREADCAST_ALERT_WEBHOOK_SECRET=SECRET,
            THREADCAST_ALERT_SLACK_URL=badly.url,
        )
        status, out, errors = await run("alerts", "test", env=variables)
        rows = {line.split()[0]: line for line in out.splitlines()[1:]}
        assert status == 1
        assert rows["log"].split()[1] == "yes"
        assert rows["webhook"].split()[1:5] == ["yes", "HTTP", "status", "200"]
        assert rows["slack"].split()[1:5] == ["no", "HTTP", "status", "404"]
        assert "1 of 3 sinks did not take it" in errors
        assert SECRET_PATH not in out + errors
        assert SECRET not in out + errors
        (got,) = well.requests
        assert (got.json()["kind"], got.json()["rule"]) == ("test", "test")
        assert "webhook-signature" in got.headers
        assert len(badly.requests) == 1

        only = await run("alerts", "test", "--sink", "webhook", env=variables)
        assert only[0] == 0
        assert (len(well.requests), len(badly.requests)) == (2, 1)


@pytest.mark.parametrize("sink", ["webhook", "slack"])
def test_a_sink_that_is_not_configured_cannot_be_tried(
    sink: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, errors = said(capsys, "test", "--sink", sink)
    assert status == 78
    assert f"alert_{sink}_url: got nothing" in errors


def test_an_unknown_sink_is_answered_with_those_that_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, _, errors = said(capsys, "test", "--sink", "email")
    assert status == 64
    assert "'log', 'webhook', 'slack'" in errors


def test_prometheus_and_grafana_are_written_with_the_thresholds_that_are_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADCAST_ALERT_THRESHOLDS", "run_success=0.87,commit_latency=0.4")
    status, text, _ = said(capsys, "prometheus")
    assert status == 0
    entries = yaml.safe_load(text)["groups"][0]["rules"]
    (entry,) = [one for one in entries if one["alert"] == "ThreadcastRunSuccess"]
    assert "< 0.87" in entry["expr"]
    status, text, _ = said(capsys, "grafana")
    assert status == 0
    assert json.loads(text)["title"] == "Threadcast"
    assert "0.87" in text


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://[::1", "http://user:secret@a:b"])
async def test_a_proxy_that_cannot_be_used_is_said(proxy: str) -> None:
    url = f"https://hooks.example{SECRET_PATH}"
    env = environment(THREADCAST_ALERT_WEBHOOK_URL=url, ALL_PROXY=proxy, HTTPS_PROXY=proxy)
    status, out, errors = await run("alerts", "test", "--sink", "webhook", env=env)
    assert (status, errors) == (1, "threadcast: 1 of 1 sinks did not take it\n")
    assert "the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names cannot be used" in out


async def test_authorities_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    url = f"https://hooks.example{SECRET_PATH}"
    env = environment(THREADCAST_ALERT_WEBHOOK_URL=url, SSL_CERT_FILE=str(tmp_path / "none.pem"))
    status, _, errors = await run("alerts", "test", env=env)
    assert status == 78
    assert errors == (
        "threadcast: SSL_CERT_FILE or SSL_CERT_DIR: no such file or directory; expected "
        "certificates, for the sinks of alerts\n"
    )

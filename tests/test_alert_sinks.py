"""Alert sinks against a real HTTP server: requests, retries, secrecy."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import socket
from typing import Any

import pytest

from patience import WAIT_S
from threadcast.alerts.courier import Courier
from threadcast.alerts.notification import Notification, notification_of, slack_message, trial
from threadcast.alerts.rules import BY_NAME
from threadcast.alerts.sinks import LogSink, Receipt, Sink, SlackSink, WebhookSink, sinks_of
from threadcast.clock import SystemClock
from threadcast.metrics import Metrics
from threadcast.settings import Settings
from threadcast.testing.clock import ManualClock
from webhook_server import SECRET_PATH, Answer, WebhookServer, webhook_server

SECRET = "a secret of thirty-two bytes or more"
CLOCK = SystemClock()
AT_ONCE = (0.0, 0.0, 0.0)


def notification(kind: Any = "firing", rule: str = "run_success") -> Notification:
    """What would be told of this rule."""
    return notification_of(
        BY_NAME[rule],
        kind,
        value=0.9,
        threshold=0.99,
        since=1_763_629_100.0,
        at=1_763_629_200.0,
        node="node_1763629200000_1_0c5e21aa",
        notification_id="alert_1763629200000_2_0c5e21ab",
    )


async def brought(sink: Sink, *, retries_s: tuple[float, ...] = AT_ONCE) -> Courier:
    """A courier that has brought one notification, or has given up."""
    courier = Courier(sink, CLOCK, Metrics(), retries_s=retries_s)
    courier.take(notification())
    assert await courier.delivered(WAIT_S)
    await courier.close()
    return courier


async def test_the_body_says_everything_and_is_signed() -> None:
    clock = ManualClock(1_763_629_200.9)
    async with webhook_server() as server:
        receipt = await WebhookSink(server.url, SECRET, clock).send(notification())
    (got,) = server.requests
    assert (receipt.arrived, receipt.detail) == (True, "HTTP status 200")
    assert got.path == SECRET_PATH
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("threadcast/")
    body = got.json()
    assert body["version"] == 1
    expected = {"kind": "firing", "rule": "run_success", "severity": "high", "value": 0.9}
    assert expected.items() <= body.items()
    assert body["text"] == "90 %; at least 99 % is good"
    assert (body["threshold"], body["unit"], body["since"]) == (0.99, "share", 1_763_629_100.0)
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert got.headers["webhook-id"] == body["id"]
    assert got.headers["webhook-timestamp"] == "1763629200"


async def test_without_a_secret_there_is_no_signature() -> None:
    async with webhook_server() as server:
        assert (await WebhookSink(server.url, None, CLOCK).send(notification())).arrived
    assert "webhook-signature" not in server.requests[0].headers


async def test_a_server_error_is_tried_again_with_the_same_id() -> None:
    async with webhook_server(Answer(500), Answer(503)) as server:
        courier = await brought(WebhookSink(server.url, SECRET, CLOCK))
    assert (courier.arrived, courier.failed, len(server.requests)) == (1, 0, 3)
    assert len({got.headers["webhook-id"] for got in server.requests}) == 1


async def test_it_is_given_up_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async with webhook_server(*[Answer(500)] * 9) as server:
        courier = await brought(WebhookSink(server.url, SECRET, CLOCK))
    assert (courier.arrived, courier.failed, len(server.requests)) == (0, 1, 4)
    assert "run_success could not be sent to the webhook sink: HTTP status 500" in caplog.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_what_will_not_become_better_is_not_tried_again(status: int) -> None:
    async with webhook_server(Answer(status)) as server:
        courier = await brought(WebhookSink(server.url, SECRET, CLOCK))
    assert (courier.failed, len(server.requests)) == (1, 1)


async def test_a_redirect_is_not_followed() -> None:
    async with webhook_server() as other:
        script = [Answer(status, {"Location": other.url}) for status in (301, 307)]
        async with webhook_server(*script) as server:
            for _ in script:
                receipt = await WebhookSink(server.url, SECRET, CLOCK).send(notification())
                assert (receipt.arrived, receipt.retryable) == (False, False)
                assert "redirects are not followed" in receipt.detail
    assert other.requests == []


async def test_a_silent_server_costs_a_bounded_time_and_is_tried_again() -> None:
    async with webhook_server(Answer(silent=True)) as server:
        sink = WebhookSink(server.url, SECRET, CLOCK, attempt_max_s=0.1)
        courier = await brought(sink)
    assert (courier.arrived, len(server.requests)) == (1, 2)


async def test_a_silent_server_is_named_so() -> None:
    async with webhook_server(Answer(silent=True)) as server:
        sink = SlackSink(server.url, CLOCK, attempt_max_s=0.1)
        receipt = await sink.send(notification())
    assert receipt.detail == "no answer within 0.1 s"
    assert receipt.retryable


async def test_a_refused_connection_is_retryable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    receipt = await SlackSink(f"http://127.0.0.1:{port}/x", CLOCK).send(notification())
    assert (receipt.detail, receipt.retryable) == ("the address cannot be reached", True)


@pytest.mark.parametrize(
    ("said", "waits_s"), [("3", 3.0), ("86400", 60.0), ("-1", 0.0), ("Wed, 21 Oct", 0.0)]
)
async def test_how_long_to_wait_is_heard_within_bounds(said: str, waits_s: float) -> None:
    async with webhook_server(Answer(429, {"Retry-After": said})) as server:
        receipt = await WebhookSink(server.url, None, CLOCK).send(notification())
    assert (receipt.retryable, receipt.retry_after_s) == (True, waits_s)


async def test_a_sink_that_hangs_holds_up_nothing_and_no_more_than_its_bound() -> None:
    async with webhook_server(*[Answer(silent=True)] * 40) as server, webhook_server() as well:
        metrics = Metrics()
        hanging = Courier(WebhookSink(server.url, None, CLOCK), CLOCK, metrics)
        working = Courier(SlackSink(well.url, CLOCK), CLOCK, metrics)
        taken = [hanging.take(notification()) for _ in range(40)]
        working.take(notification())
        await well.received(1)
        assert (taken.count(True), taken[-1]) == (32, False)
        labels = {"sink": "webhook", "outcome": "dropped"}
        name = "threadcast_alert_notifications_total"
        assert metrics.registry.get_sample_value(name, labels) == 8
        await asyncio.gather(hanging.close(), working.close())


async def test_no_url_and_no_secret_is_ever_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="threadcast")
    script = [Answer(500), Answer(302, {"Location": "/elsewhere"}), Answer(silent=True)]
    async with webhook_server(*script) as server:
        settings = Settings(
            alert_webhook_url=server.url, alert_webhook_secret=SECRET, alert_slack_url=server.url
        )
        said = [repr(settings)]
        for _ in script:
            sink = WebhookSink(server.url, SECRET, CLOCK, attempt_max_s=0.1)
            said.append(repr(await sink.send(notification())))
        await brought(SlackSink(f"{server.url}/nothing/here", CLOCK))
    assert "very-secret-path" not in caplog.text + "".join(said)
    assert SECRET not in caplog.text + "".join(said)


async def test_slack_is_sent_text_and_blocks() -> None:
    async with webhook_server() as server:
        assert (await SlackSink(server.url, CLOCK).send(notification())).arrived
    body: dict[str, Any] = dict(server.requests[0].json())
    assert body["text"] == "🔴 [high] run_success: Too many runs fail."
    texts = [block["text"]["text"] for block in body["blocks"] if block["type"] == "section"]
    assert "90 %; at least 99 % is good" in texts[1]
    assert "What to do:" in texts[1]
    assert all(len(text) <= 3_000 for text in texts)  # Slack's own bound
    assert body["blocks"][-1]["elements"][0]["text"].startswith("node node_")


def test_slack_reads_no_markup_in_what_is_said() -> None:
    message = slack_message(trial(at=0.0, node="<!channel> & more", notification_id="x"))
    assert "<!channel>" not in repr(message)
    assert "&lt;!channel&gt; &amp; more" in repr(message)


def test_a_recovery_says_no_more_than_it_must() -> None:
    message = repr(slack_message(notification("recovered")))
    assert "[high recovered]" in message
    assert "What to do" not in message


@pytest.mark.parametrize(
    ("rule", "kind", "level"),
    [
        ("foreign_delivery", "firing", logging.CRITICAL),
        ("run_success", "firing", logging.ERROR),
        ("run_success", "reminder", logging.ERROR),
        ("thread_lookups", "firing", logging.WARNING),
        ("foreign_delivery", "recovered", logging.INFO),
    ],
)
async def test_the_log_says_it_by_severity(
    rule: str, kind: str, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="threadcast")
    assert (await LogSink().send(notification(kind, rule))).arrived
    (record,) = caplog.records
    assert record.levelno == level
    assert rule in record.message


def test_the_log_is_always_told_and_webhooks_where_they_are_set() -> None:
    assert [sink.name for sink in sinks_of(Settings(), CLOCK)] == ["log"]
    settings = Settings(
        alert_slack_url="https://hooks.slack.example/x", alert_webhook_url="https://a.example/x"
    )
    assert [sink.name for sink in sinks_of(settings, CLOCK)] == ["log", "webhook", "slack"]


def test_a_receipt_is_plain() -> None:
    assert Receipt(arrived=False, detail="x") == Receipt(False, "x", 0.0, False, 0.0)


async def test_stopping_gives_what_is_under_way_a_moment(caplog: pytest.LogCaptureFixture) -> None:
    async with webhook_server() as server:
        courier = Courier(WebhookSink(server.url, None, CLOCK), CLOCK, Metrics())
        courier.take(notification())
        await courier.close()
        assert (courier.arrived, len(server.requests)) == (1, 1)
    assert isinstance(server, WebhookServer)
    assert caplog.text == ""

"""The sinks of notifications: the log, a generic webhook, a Slack-compatible webhook.

A sink makes one attempt and returns a receipt; `courier` retries. A webhook's URL is a secret: no
message, receipt or log line here repeats any of it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal, Protocol

import httpx2
import msgspec

from ..clock import Clock
from ..errors import ConfigurationError
from ..settings import Settings
from ..settings.forms import is_loopback
from .notification import Notification, signature, slack_message
from .rules import Severity

__all__ = [
    "SINKS",
    "LogSink",
    "Receipt",
    "Sink",
    "SinkName",
    "SlackSink",
    "WebhookSink",
    "sinks_of",
]

log = logging.getLogger(__name__)

SinkName = Literal["log", "webhook", "slack"]
SINKS: tuple[SinkName, ...] = ("log", "webhook", "slack")
ATTEMPT_MAX_S = 5.0
_RETRY_AFTER_MAX_S = 60.0
_RETRYABLE = frozenset({408, 425, 429})
_UNUSABLE_PROXY = "the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names cannot be used"
_LEVELS: dict[Severity, int] = {
    "critical": logging.CRITICAL,
    "high": logging.ERROR,
    "medium": logging.WARNING,
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of one attempt.

    Attributes:
        arrived: whether the sink accepted it.
        detail: the answer in words; nothing secret.
        elapsed_s: how long it took, in seconds.
        retryable: whether another attempt may succeed.
        retry_after_s: the minimum wait before it, in seconds.
    """

    arrived: bool
    detail: str
    elapsed_s: float = 0.0
    retryable: bool = False
    retry_after_s: float = 0.0


class Sink(Protocol):
    """Accepts notifications."""

    @property
    def name(self) -> SinkName:
        """Which it is."""
        ...

    async def send(self, notification: Notification) -> Receipt:
        """Make one attempt, in bounded time; never raises for remote failures."""
        ...


class LogSink:
    """Writes notifications to the server's log, by severity."""

    name: SinkName = "log"

    async def send(self, notification: Notification) -> Receipt:
        """Log it."""
        bad = notification.kind in ("firing", "reminder")
        level = _LEVELS[notification.severity] if bad else logging.INFO
        advice = f" {notification.advice}" if bad else ""
        log.log(level, "alert %s (%s)%s", notification.headline, notification.text, advice)
        return Receipt(arrived=True, detail="written to the log")


class WebhookSink:
    """Posts notifications as JSON, signed where there is a secret.

    Args:
        url: http or https; checked by the settings.
        secret: signs every request; None for unsigned ones.
        clock: wall time for the signature, monotonic time to measure.
        attempt_max_s: bound of an attempt, in seconds.
    """

    name: SinkName = "webhook"

    def __init__(
        self, url: str, secret: str | None, clock: Clock, *, attempt_max_s: float = ATTEMPT_MAX_S
    ) -> None:
        self._poster = _Poster(url, clock, attempt_max_s)
        self._secret = secret
        self._clock = clock

    async def send(self, notification: Notification) -> Receipt:
        """Post it once. The receiver recognises retries by `webhook-id`."""
        body = msgspec.json.encode(notification)
        sent_at = int(self._clock.now())
        headers = {"webhook-id": notification.id, "webhook-timestamp": str(sent_at)}
        if self._secret is not None:
            signed = signature(self._secret, notification.id, sent_at, body)
            headers["webhook-signature"] = signed
        return await self._poster.post(body, headers)


class SlackSink:
    """Posts notifications to Slack-compatible incoming webhooks.

    Args:
        url: http or https; checked by the settings.
        clock: monotonic time to measure.
        attempt_max_s: bound of an attempt, in seconds.
    """

    name: SinkName = "slack"

    def __init__(self, url: str, clock: Clock, *, attempt_max_s: float = ATTEMPT_MAX_S) -> None:
        self._poster = _Poster(url, clock, attempt_max_s)

    async def send(self, notification: Notification) -> Receipt:
        """Post it once."""
        return await self._poster.post(msgspec.json.encode(slack_message(notification)), {})


class _Poster:
    """Posts JSON to one URL: no redirects, bounded time, response bodies not read."""

    def __init__(self, url: str, clock: Clock, attempt_max_s: float) -> None:
        self._url = httpx2.URL(url)
        self._attempt_max_s = attempt_max_s
        self._clock = clock
        self._tls = _trusting() if self._url.scheme == "https" else False

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Receipt:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._attempt_max_s):
                status, retry_after = await self._exchange(body, headers)
        except (TimeoutError, httpx2.TimeoutException):
            detail, retryable = f"no answer within {self._attempt_max_s:g} s", True
        except httpx2.ConnectError:
            detail, retryable = "the address cannot be reached", True
        except (ImportError, ValueError, httpx2.InvalidURL):  # no text of theirs: it may be secret
            detail, retryable = _UNUSABLE_PROXY, False
        except (httpx2.HTTPError, OSError) as error:
            detail, retryable = f"the connection broke ({type(error).__name__})", True
        else:
            return _judged(status, retry_after, self._clock.monotonic() - started)
        return Receipt(
            arrived=False,
            detail=detail,
            elapsed_s=self._clock.monotonic() - started,
            retryable=retryable,
        )

    async def _exchange(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """The status, and what `Retry-After` says."""
        own = {
            "Content-Type": "application/json",
            "User-Agent": f"threadcast/{version('threadcast')}",
        }
        async with (
            httpx2.AsyncClient(
                verify=self._tls,
                timeout=self._attempt_max_s,
                follow_redirects=False,
                trust_env=not is_loopback(self._url.host),
            ) as client,
            client.stream("POST", self._url, content=body, headers={**own, **headers}) as answer,
        ):
            return answer.status_code, answer.headers.get("retry-after", "")


def _trusting() -> ssl.SSLContext:
    """An SSL context with the environment's authorities, else the library's.

    Raises:
        ConfigurationError: the environment's authorities cannot be read.
    """
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        reason = (error.strerror or "no certificates").lower()
        raise ConfigurationError(
            f"SSL_CERT_FILE or SSL_CERT_DIR: {reason}; expected certificates, for the sinks of "
            "alerts"
        ) from None


def _judged(status: int, retry_after: str, elapsed_s: float) -> Receipt:
    detail = f"HTTP status {status}"
    if 200 <= status < 300:
        return Receipt(arrived=True, detail=detail, elapsed_s=elapsed_s)
    if 300 <= status < 400:
        detail += "; redirects are not followed: set the final URL"
    wait_s = float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else 0.0
    return Receipt(
        arrived=False,
        detail=detail,
        elapsed_s=elapsed_s,
        retryable=status >= 500 or status in _RETRYABLE,
        retry_after_s=min(wait_s, _RETRY_AFTER_MAX_S),
    )


def sinks_of(settings: Settings, clock: Clock) -> tuple[Sink, ...]:
    """The configured sinks; the log is always one."""
    sinks: list[Sink] = [LogSink()]
    if settings.alert_webhook_url is not None:
        url, secret = settings.alert_webhook_url, settings.alert_webhook_secret
        sinks.append(WebhookSink(url, secret, clock))
    if settings.alert_slack_url is not None:
        sinks.append(SlackSink(settings.alert_slack_url, clock))
    return tuple(sinks)

"""An alert notification: its JSON, its signature, its Slack message.

Pure. The JSON body has a version and only grows compatibly.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Literal

import msgspec

from .judging import Change
from .rules import Rule, Severity, shown

__all__ = ["Kind", "Notification", "notification_of", "signature", "slack_message", "trial"]

Kind = Literal["firing", "reminder", "recovered", "test"]

_MARKS = {"firing": "🔴", "reminder": "🔴", "recovered": "🟢", "test": "🔵"}


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One notification, as sent to the generic webhook.

    Attributes:
        version: of this shape; fields are added, never changed.
        id: the same for every delivery attempt.
        kind: why it is sent; `test` means that nothing is wrong.
        rule: the rule's name.
        severity: how bad it is.
        summary: what is wrong, one sentence.
        meaning: what users notice.
        advice: what to do first.
        value: the measured value, in `unit`; null if nothing could be measured.
        threshold: the last good value.
        unit: of both.
        text: value and threshold in words.
        since: when this state began, seconds since the epoch.
        at: when this was sent, seconds since the epoch.
        node: the server's node id.
    """

    version: Literal[1] = 1
    id: str
    kind: Kind
    rule: str
    severity: Severity
    summary: str
    meaning: str
    advice: str
    value: float | None
    threshold: float
    unit: str
    text: str
    since: float
    at: float
    node: str

    @property
    def headline(self) -> str:
        """A one-line summary."""
        word = {"firing": "", "reminder": " still", "recovered": " recovered", "test": " test"}
        return f"[{self.severity}{word[self.kind]}] {self.rule}: {self.summary}"


def notification_of(
    rule: Rule,
    kind: Change,
    *,
    value: float | None,
    threshold: float,
    since: float,
    at: float,
    node: str,
    notification_id: str,
) -> Notification:
    """The notification of a rule's change."""
    return Notification(
        id=notification_id,
        kind=kind,
        rule=rule.name,
        severity=rule.severity,
        summary=rule.summary,
        meaning=rule.meaning,
        advice=rule.advice,
        value=value,
        threshold=threshold,
        unit=rule.unit,
        text=_in_words(rule, value, threshold),
        since=since,
        at=at,
        node=node,
    )


def trial(*, at: float, node: str, notification_id: str) -> Notification:
    """A notification for testing a sink."""
    return Notification(
        id=notification_id,
        kind="test",
        rule="test",
        severity="medium",
        summary="This is a test; nothing is wrong.",
        meaning="Somebody ran `threadcast alerts test`.",
        advice="Nothing to do: alerts arrive here.",
        value=None,
        threshold=0.0,
        unit="count",
        text="no value",
        since=at,
        at=at,
        node=node,
    )


def _in_words(rule: Rule, value: float | None, threshold: float) -> str:
    bound = f"at {'least' if rule.is_floor else 'most'} {shown(threshold, rule)}"
    if value is None:
        return f"nothing to measure; {bound} is good"
    return f"{shown(value, rule)}; {bound} is good"


def signature(secret: str, notification_id: str, sent_at: int, body: bytes) -> str:
    """The value of `webhook-signature` according to Standard Webhooks.

    Args:
        secret: shared with the receiver; its UTF-8 bytes are the key.
        notification_id: the value of `webhook-id`.
        sent_at: the value of `webhook-timestamp`, seconds since the epoch.
        body: the request's body.
    """
    signed = b"%b.%d.%b" % (notification_id.encode(), sent_at, body)
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def slack_message(notification: Notification) -> dict[str, object]:
    """The notification for a Slack-compatible incoming webhook: `text` and blocks."""
    headline = f"{_MARKS[notification.kind]} {_escaped(notification.headline)}"
    details = [
        f"*{_escaped(notification.text)}*",
        _escaped(notification.meaning),
        f"_What to do:_ {_escaped(notification.advice)}",
    ]
    if notification.kind == "recovered":
        del details[1:]
    return {
        "text": headline,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f"*{headline}*"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(details)}},
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": f"node {_escaped(notification.node)}"}],
            },
        ],
    }


def _escaped(text: str) -> str:
    """Escape the three characters that Slack treats as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

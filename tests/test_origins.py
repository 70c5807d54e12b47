"""Origin and host rules; the rows of W6 and H3/H4."""

from __future__ import annotations

import pytest

from threadcast.errors import ThreadcastError
from threadcast.origins import HostRule, OriginRule

ALLOWED = ("https://good.example", "https://app.example:8443")


def refused(rule: OriginRule, origin: str | None, *, credential: bool = True) -> str | None:
    try:
        rule.check(origin, scheme="wss", host="api.example", credential=credential)
    except ThreadcastError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://good.example.evil.com",
        "https://good.example:444",
        "http://good.example",
        "https://good.example.",
        "https://xn--good-example-9za.example",
        "https://gооd.example",
        "https://user@good.example",
        "https://good.example/path",
        "https://app.example",
        "",
        "good.example",
        "https://[::1",
    ],
)
def test_w6_an_origin_that_is_not_ours_is_refused(origin: str) -> None:
    rule = OriginRule(ALLOWED, allow_any=False, require=False)
    assert refused(rule, origin) == "origin_not_allowed"


@pytest.mark.parametrize(
    "origin",
    [
        "https://good.example",
        "https://GOOD.Example",
        "https://good.example:443",
        "https://app.example:8443",
        "https://api.example",
    ],
)
def test_w6_listed_origins_and_our_own_pass(origin: str) -> None:
    assert refused(OriginRule(ALLOWED, allow_any=False, require=False), origin) is None


def test_w7_a_required_origin_may_be_missing_only_with_a_credential() -> None:
    rule = OriginRule((), allow_any=False, require=True)
    assert refused(rule, None, credential=False) == "origin_not_allowed"
    assert refused(rule, None, credential=True) is None


def test_any_origin_passes_where_an_operator_asked_for_it() -> None:
    assert refused(OriginRule((), allow_any=True, require=False), "https://evil.example") is None


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost:8080", None),
        ("127.0.0.1", None),
        ("[::1]:8080", None),
        ("LOCALHOST", None),
        ("rebound.example", "host_not_allowed"),
        ("a/../admin?x=", "bad_host"),
        ("user@localhost", "bad_host"),
        ("local host", "bad_host"),
        ("localhost:port", "bad_host"),
        (None, "bad_host"),
        ("", "bad_host"),
    ],
)
def test_h3_h4_a_loopback_server_answers_to_loopback_names_only(
    host: str | None, code: str | None
) -> None:
    rule = HostRule((), listens_on="127.0.0.1")
    if code is None:
        rule.check(host)
        return
    with pytest.raises(ThreadcastError) as caught:
        rule.check(host)
    assert caught.value.code == code


def test_a_public_server_answers_to_any_name_unless_told() -> None:
    HostRule((), listens_on="0.0.0.0").check("anything.example")
    with pytest.raises(ThreadcastError):
        HostRule(("chat.example",), listens_on="0.0.0.0").check("anything.example")


def test_a_listed_host_may_name_its_port() -> None:
    rule = HostRule(("chat.example:8443",), listens_on="0.0.0.0")
    rule.check("Chat.Example:8443")
    with pytest.raises(ThreadcastError):
        rule.check("chat.example")

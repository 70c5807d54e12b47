"""The rules for claims, times, policy and renewal."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.auth.identity import (
    Identity,
    TokenClaims,
    TokenPolicy,
    accept_renewal,
    check_times,
    read_claims,
)
from threadcast.errors import ConfigurationError, ThreadcastError
from threadcast.settings import Settings
from token_forge import NOW, claims

ISSUER = "https://issuer.example/"
AUDIENCE = "threadcast"
ANY = TokenPolicy()
STRICT = TokenPolicy(issuer=ISSUER, audience=AUDIENCE)


def judge(payload: bytes, policy: TokenPolicy = ANY, now: float = NOW) -> str:
    """The code of the first rule that a payload breaks, or "ok"."""
    try:
        check_times(read_claims(payload, policy), policy, now=now)
    except ThreadcastError as error:
        return error.code
    return "ok"


def raw(**changes: object) -> bytes:
    return json.dumps(claims(**changes)).encode()


def with_exp(literal: str) -> bytes:
    """A payload whose `exp` is this text, also where no encoder would write it."""
    return b'{"sub":"u-17","exp":' + literal.encode() + b"}"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(raw(exp=...), "token_invalid", id="A9-exp-missing"),
        pytest.param(raw(exp=NOW - 11), "token_expired", id="A9-exp-past"),
        pytest.param(raw(exp=NOW - 9), "ok", id="A9-exp-inside-leeway"),
        pytest.param(raw(exp=NOW - 10), "token_expired", id="A9-exp-at-leeway"),
        pytest.param(raw(exp=str(NOW + 300)), "token_invalid", id="A9-exp-string"),
        pytest.param(raw(exp=NOW + 0.5), "ok", id="A9-exp-fraction"),
        pytest.param(raw(exp=True), "token_invalid", id="A9-exp-bool"),
        pytest.param(raw(exp=None), "token_invalid", id="A9-exp-null"),
        pytest.param(raw(exp=[NOW + 300]), "token_invalid", id="A9-exp-list"),
        pytest.param(raw(exp=10**30), "token_invalid", id="A9-exp-1e30"),
        pytest.param(raw(exp=int(NOW * 1_000)), "token_invalid", id="A9-exp-milliseconds"),
        pytest.param(raw(exp=-1), "token_invalid", id="A9-exp-negative"),
        pytest.param(raw(exp=0), "token_expired", id="A9-exp-zero"),
        pytest.param(with_exp("1e400"), "token_invalid", id="A9-exp-1e400"),
        pytest.param(with_exp("Infinity"), "token_invalid", id="A9-exp-infinity"),
        pytest.param(with_exp("NaN"), "token_invalid", id="A9-exp-nan"),
        pytest.param(with_exp("9" * 5_000), "token_invalid", id="A9-exp-5000-digits"),
        pytest.param(raw(nbf=NOW + 11), "token_not_yet_valid", id="A10-nbf-future"),
        pytest.param(raw(nbf=NOW + 9), "ok", id="A10-nbf-inside-leeway"),
        pytest.param(raw(iat=NOW + 11), "token_not_yet_valid", id="A10-iat-future"),
        pytest.param(raw(iat=NOW + 9), "ok", id="A10-iat-inside-leeway"),
        pytest.param(raw(iat=...), "ok", id="A10-iat-missing"),
        pytest.param(raw(nbf="0"), "token_invalid", id="A10-nbf-string"),
        pytest.param(raw(iat=False), "token_invalid", id="A10-iat-bool"),
    ],
)
def test_time_claims(payload: bytes, code: str) -> None:
    assert judge(payload) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"iat": NOW, "exp": NOW + 600}, "ok", id="A11-at-most"),
        pytest.param({"iat": NOW, "exp": NOW + 601}, "token_invalid", id="A11-longer"),
        pytest.param({"iat": NOW - 400, "exp": NOW + 300}, "token_invalid", id="A11-since-iat"),
        pytest.param({"iat": ..., "exp": NOW + 601}, "token_invalid", id="A11-without-iat"),
    ],
)
def test_longest_lifetime(changes: dict[str, object], code: str) -> None:
    assert judge(raw(**changes), TokenPolicy(lifetime_max_s=600)) == code


@pytest.mark.parametrize(
    ("issuer", "code"),
    [
        pytest.param(ISSUER, "ok", id="A12-exact"),
        pytest.param(ISSUER[:-1], "token_invalid", id="A12-prefix"),
        pytest.param("x" + ISSUER, "token_invalid", id="A12-suffix"),
        pytest.param("issuer", "token_invalid", id="A12-substring"),
        pytest.param(ISSUER.upper(), "token_invalid", id="A12-other-case"),
        pytest.param([ISSUER], "token_invalid", id="A12-list"),
        pytest.param(..., "token_invalid", id="A12-missing"),
        pytest.param("", "token_invalid", id="A12-empty"),
    ],
)
def test_issuer_is_exact(issuer: object, code: str) -> None:
    assert judge(raw(iss=issuer, aud=AUDIENCE), STRICT) == code


@pytest.mark.parametrize(
    ("audience", "code"),
    [
        pytest.param(AUDIENCE, "ok", id="A13-exact"),
        pytest.param(["other", AUDIENCE], "ok", id="A13-list-with-ours"),
        pytest.param(..., "token_invalid", id="A13-missing"),
        pytest.param("other", "token_invalid", id="A13-other"),
        pytest.param("threadcast2", "token_invalid", id="A13-longer"),
        pytest.param("thread", "token_invalid", id="A13-prefix"),
        pytest.param(["threadcas", "t"], "token_invalid", id="A13-list-of-pieces"),
        pytest.param([], "token_invalid", id="A13-empty-list"),
        pytest.param(7, "token_invalid", id="A13-number"),
        pytest.param([AUDIENCE, 7], "token_invalid", id="A13-list-with-number"),
        pytest.param({AUDIENCE: True}, "token_invalid", id="A13-object"),
    ],
)
def test_audience_is_ours(audience: object, code: str) -> None:
    assert judge(raw(iss=ISSUER, aud=audience), STRICT) == code


def test_issuer_and_audience_are_free_where_none_is_configured() -> None:
    assert judge(raw(iss="anybody", aud="anything")) == "ok"


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        pytest.param(..., "token_invalid", id="A14-missing"),
        pytest.param("", "token_invalid", id="A14-empty"),
        pytest.param(17, "token_invalid", id="A14-int"),
        pytest.param(None, "token_invalid", id="A14-null"),
        pytest.param("x" * 1_024, "token_invalid", id="A14-1-KiB"),
        pytest.param("x" * 256, "token_invalid", id="A14-256"),
        pytest.param("x" * 255, "ok", id="A14-255"),
        pytest.param("a\nb", "token_invalid", id="A14-newline"),
        pytest.param("a\u0000b", "token_invalid", id="A14-nul"),
        pytest.param("a\ud800b", "token_invalid", id="A14-lone-surrogate"),
        *(pytest.param(f"a{sign}b", "ok", id=f"A14-sign-{sign}") for sign in ":.*>/@| %"),
        pytest.param("日本語🙂", "ok", id="A14-not-latin"),
    ],
)
def test_subject(subject: object, code: str) -> None:
    assert judge(raw(sub=subject)) == code


def test_a15_subject_is_kept_code_point_by_code_point() -> None:
    twins = ["\u00e9", "e\u0301", "a", "\u0430", "A", " a", "a "]
    users = {read_claims(raw(sub=twin), ANY).identity.user_id for twin in twins}
    assert users == set(twins), "Unicode twins are different users"


def test_last_of_duplicate_claims_wins_for_every_rule() -> None:
    payload = b'{"sub":"first","exp":1,"sub":"last","exp":' + str(int(NOW) + 60).encode() + b"}"
    identity = read_claims(payload, ANY).identity
    assert (identity.user_id, identity.expires_at) == ("last", NOW + 60)


@pytest.mark.parametrize(
    ("changes", "plan", "scopes"),
    [
        ({}, None, set()),
        ({"plan": "premium"}, "premium", set()),
        ({"plan": ["premium"]}, None, set()),
        ({"plan": "x" * 65}, None, set()),
        ({"plan": ""}, None, set()),
        ({"scope": "read  write"}, None, {"read", "write"}),
        ({"scope": ["read", "write"]}, None, {"read", "write"}),
        ({"scope": ""}, None, set()),
        ({"role": "admin", "user_id": "u-1", "scopes": ["admin"]}, None, set()),
    ],
)
def test_plan_and_scopes(changes: dict[str, object], plan: str | None, scopes: set[str]) -> None:
    identity = read_claims(raw(**changes), ANY).identity
    assert (identity.plan, identity.scopes) == (plan, frozenset(scopes))


def test_plan_comes_from_the_configured_claim() -> None:
    policy = TokenPolicy(plan_claim="https://example.com/plan")
    payload = raw(plan="free", **{"https://example.com/plan": "enterprise"})
    assert read_claims(payload, policy).identity.plan == "enterprise"


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": 5},
        {"scope": None},
        {"scope": ["read", 5]},
        {"jti": 5},
        {"jti": ""},
        {"jti": "x" * 256},
        {"jti": "a\nb"},
    ],
    ids=str,
)
def test_other_claims_with_a_wrong_type_are_refused(changes: dict[str, object]) -> None:
    assert judge(raw(**changes)) == "token_invalid"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"u-17"',
        b"\xef\xbb\xbf{}",
        b'{"sub":"\xff"}',
        b'{"a":' * 1_200 + b"1" + b"}" * 1_200,
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_payload_that_is_no_json_object(payload: bytes) -> None:
    assert judge(payload) == "token_invalid"


@given(st.one_of(st.binary(max_size=200), st.builds(msgspec.json.encode, st.text())))
def test_any_bytes_are_judged(payload: bytes) -> None:
    assert judge(payload) == "token_invalid"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_names = st.sampled_from(["sub", "exp", "iat", "nbf", "iss", "aud", "jti", "scope", "plan"])


@given(st.dictionaries(_names, _json))
def test_any_claims_are_judged(changes: dict[str, Any]) -> None:
    payload = json.dumps({**claims(iss=ISSUER, aud=AUDIENCE), **changes}).encode()
    assert judge(payload, STRICT) in {"ok", "token_invalid", "token_expired", "token_not_yet_valid"}


def test_times_are_asked_again_at_every_use() -> None:
    read = read_claims(raw(exp=NOW + 10, nbf=NOW), ANY)
    check_times(read, ANY, now=NOW)
    with pytest.raises(ThreadcastError, match="token_expired"):
        check_times(read, ANY, now=NOW + 20)
    with pytest.raises(ThreadcastError, match="token_not_yet_valid"):
        check_times(read, ANY, now=NOW - 11)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"audience": ""}, "jwt_audience"),
        ({"issuer": ""}, "jwt_issuer"),
        ({"plan_claim": ""}, "jwt_plan_claim"),
        ({"leeway_s": 61}, "jwt_leeway_s"),
        ({"leeway_s": -1}, "jwt_leeway_s"),
        ({"leeway_s": float("nan")}, "jwt_leeway_s"),
        ({"lifetime_max_s": 0}, "jwt_lifetime_max_s"),
        ({"algorithms": frozenset({"none"})}, "jwt_algorithms"),
        ({"algorithms": frozenset({"ES512"})}, "jwt_algorithms"),
        ({"algorithms": frozenset({"HS256", "RS256"})}, "jwt_algorithms"),
    ],
    ids=[
        "audience",
        "issuer",
        "plan",
        "leeway-61",
        "leeway-minus",
        "leeway-nan",
        "lifetime",
        "none",
        "ES512",
        "HS256-RS256",
    ],
)
def test_policy_that_cannot_be(arguments: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{key}: "):
        TokenPolicy(**arguments)


def test_policy_comes_from_the_settings() -> None:
    settings = Settings(
        jwt_secret="0b8d2f4e6a1c3e5f7a9b0c1d2e3f4a5b",
        jwt_audience=AUDIENCE,
        jwt_issuer=ISSUER,
        jwt_leeway_s=3,
        jwt_lifetime_max_s=60,
        jwt_plan_claim="tier",
        jwt_algorithms=("HS256",),
    )
    assert TokenPolicy.from_settings(settings) == TokenPolicy(
        audience=AUDIENCE,
        issuer=ISSUER,
        leeway_s=3,
        lifetime_max_s=60,
        plan_claim="tier",
        algorithms=frozenset({"HS256"}),
    )


CURRENT = Identity(user_id="u-17", expires_at=NOW + 60)


@pytest.mark.parametrize(
    ("offered", "code"),
    [
        pytest.param(Identity(user_id="u-17", expires_at=NOW + 90), "ok", id="A19-later"),
        pytest.param(Identity(user_id="u-17", expires_at=NOW + 60), "ok", id="A19-same"),
        pytest.param(
            Identity(user_id="u-17", expires_at=NOW + 59), "token_invalid", id="A19-older"
        ),
        pytest.param(
            Identity(user_id="u-18", expires_at=NOW + 90), "identity_change", id="J18-other-user"
        ),
    ],
)
def test_renewal(offered: Identity, code: str) -> None:
    if code == "ok":
        assert accept_renewal(CURRENT, offered) is offered
    else:
        with pytest.raises(ThreadcastError, match=code):
            accept_renewal(CURRENT, offered)


def test_identity_is_immutable() -> None:
    read = TokenClaims(CURRENT, None)
    with pytest.raises(AttributeError):
        read.identity.user_id = "u-18"  # type: ignore[misc]

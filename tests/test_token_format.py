"""The form of tokens and of the header that carries them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadcast.auth.token_format import TOKEN_MAX_BYTES, parse_bearer, parse_token, token_bytes
from threadcast.errors import ThreadcastError
from token_forge import SECRET, claims, flip_bit, header, part, token

GOOD = token()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")


def judge(text: str, allowed: frozenset[str] = frozenset()) -> str:
    """The code of the first rule that a token's form breaks, or "ok"."""
    try:
        parse_token(token_bytes(text), allowed)
    except ThreadcastError as error:
        return error.code
    return "ok"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        pytest.param(header(), "ok", id="good"),
        pytest.param(header(typ=...), "ok", id="typ-missing"),
        pytest.param(header(typ="at+jwt"), "ok", id="typ-access-token"),
        pytest.param(header(typ="logout+jwt"), "token_invalid", id="typ-other"),
        pytest.param(header(typ=5), "token_invalid", id="typ-number"),
        pytest.param(header(alg="none"), "token_invalid", id="A1-none"),
        pytest.param(header(alg="None"), "token_invalid", id="A1-None"),
        pytest.param(header(alg="nOnE"), "token_invalid", id="A1-nOnE"),
        pytest.param(header(alg=...), "token_invalid", id="A1-missing"),
        pytest.param(header(alg=""), "token_invalid", id="A1-empty"),
        pytest.param(header(alg=["HS256"]), "token_invalid", id="A1-list"),
        pytest.param(header(alg="hs256"), "token_invalid", id="A1-other-case"),
        pytest.param(header(alg="ES512"), "token_invalid", id="A3-ES512"),
        pytest.param(header(alg="PS256"), "token_invalid", id="A3-PS256"),
        pytest.param(header(alg="HS512"), "token_invalid", id="A3-HS512"),
        pytest.param(header(cty="JWT"), "token_invalid", id="A5-nested"),
        pytest.param(header(enc="A256GCM"), "token_invalid", id="A5-enc"),
        pytest.param(header(kid="key-1"), "ok", id="A6-kid-plain"),
        pytest.param(header(kid="a/b+c=="), "ok", id="A6-kid-base64"),
        pytest.param(header(kid="../../dev/null"), "token_invalid", id="A6-kid-path"),
        pytest.param(header(kid="' OR 1=1 --"), "token_invalid", id="A6-kid-sql"),
        pytest.param(header(kid="k" * 4_096), "token_invalid", id="A6-kid-4-KiB"),
        pytest.param(header(kid=["key-1"]), "token_invalid", id="A6-kid-list"),
        pytest.param(header(kid=None), "token_invalid", id="A6-kid-null"),
        pytest.param(header(kid=""), "token_invalid", id="A6-kid-empty"),
        pytest.param(header(kid="https://evil.example/k"), "token_invalid", id="A6-kid-url"),
        pytest.param(header(kid="k\x1b[2J"), "token_invalid", id="A6-kid-escape"),
        pytest.param(header(jku="https://evil.example/"), "ok", id="A7-jku-ignored"),
        pytest.param(header(x5u=5, x5c=["x"], jwk={"kty": "oct"}), "ok", id="A7-rest-ignored"),
        pytest.param(header(crit=["x"]), "token_invalid", id="A8-crit"),
        pytest.param(header(crit=[]), "token_invalid", id="A8-crit-empty"),
        pytest.param(header(crit=None), "token_invalid", id="A8-crit-null"),
        pytest.param(header(crit=["b64"], b64=False), "token_invalid", id="A8-b64-in-crit"),
        pytest.param(header(b64=False), "token_invalid", id="A8-b64-false"),
        pytest.param(header(b64=True), "token_invalid", id="A8-b64-true"),
        pytest.param(b"[]", "token_invalid", id="header-list"),
        pytest.param(b"", "token_invalid", id="header-empty"),
        pytest.param(b'{"alg":"HS256"', "token_invalid", id="header-cut"),
        pytest.param(b'{"alg":"HS256"}x', "token_invalid", id="header-trailing"),
        pytest.param(b'\xef\xbb\xbf{"alg":"HS256"}', "token_invalid", id="header-bom"),
        pytest.param(b'{"alg":"none","alg":"HS256"}', "ok", id="header-last-alg-wins"),
        pytest.param(b'{"alg":"HS256","alg":"none"}', "token_invalid", id="header-last-alg-none"),
        pytest.param(
            b'{"alg":"HS256","x":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
            "token_invalid",
            id="header-deep",
        ),
    ],
)
def test_header(head: dict[str, object] | bytes, code: str) -> None:
    assert judge(token(head=head)) == code


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("a", id="one-part"),
        pytest.param(f"{HEAD}.{PAYLOAD}", id="two-parts"),
        pytest.param(f"{part(header(alg='none'))}.{PAYLOAD}.", id="A1-none-without-signature"),
        pytest.param(f"{HEAD}.{PAYLOAD}.", id="A4-signature-missing"),
        pytest.param(f"{HEAD}..{SIGNATURE}", id="payload-missing"),
        pytest.param(f"{GOOD}=", id="A4-padding"),
        pytest.param(f"{HEAD}=.{PAYLOAD}.{SIGNATURE}", id="A4-padding-header"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}+", id="A4-plus"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}/", id="A4-slash"),
        pytest.param(flip_bit(GOOD, len(GOOD) - 1), id="A4-unused-bit"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{SIGNATURE}AA", id="A4-45-characters"),
        pytest.param(f"{GOOD} ", id="A4-trailing-space"),
        pytest.param(f"{GOOD}\n", id="A4-trailing-newline"),
        pytest.param(f" {GOOD}", id="A4-leading-space"),
        pytest.param(f"{GOOD}.{GOOD}", id="A5-two-tokens"),
        pytest.param(f"{GOOD},{GOOD}", id="A5-two-tokens-comma"),
        pytest.param(f"{GOOD}.{SIGNATURE}.{SIGNATURE}", id="A5-five-parts-JWE"),
        pytest.param(
            f'{{"protected":"{HEAD}","payload":"{PAYLOAD}","signature":"{SIGNATURE}"}}',
            id="A5-json-serialised",
        ),
        pytest.param(GOOD.replace(".", "\uff0e"), id="not-ascii"),
        pytest.param("\ud800" + GOOD, id="lone-surrogate"),
    ],
)
def test_other_forms(text: str) -> None:
    assert judge(text) == "token_invalid"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("a" * TOKEN_MAX_BYTES, "token_invalid", id="A16-8-KiB"),
        pytest.param("a" * (TOKEN_MAX_BYTES + 1), "token_too_large", id="A16-8-KiB-and-1"),
        pytest.param(token(claims(x="y" * 9_000)), "token_too_large", id="A16-9-KiB-signed"),
        pytest.param("\ud800" * 9_216, "token_too_large", id="A16-9-KiB-rubbish"),
    ],
)
def test_size(text: str, code: str) -> None:
    assert judge(text) == code


def test_policy_narrows_the_algorithms() -> None:
    assert judge(GOOD, frozenset({"RS256"})) == "token_invalid"
    assert judge(GOOD, frozenset({"HS256"})) == "ok"


@given(st.text(max_size=60) | st.from_regex(r"[\w-]{1,40}\.[\w-]{1,40}\.[\w-]{1,40}"))
def test_any_text_is_judged(text: str) -> None:
    assert judge(text) == "token_invalid"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], None, id="A17-none"),
        pytest.param(["Bearer x"], "x", id="A17-plain"),
        pytest.param(["bearer x"], "x", id="A17-lower-case"),
        pytest.param(["BEARER   x"], "x", id="A17-spaces"),
    ],
)
def test_bearer(values: list[str], expected: str | None) -> None:
    assert parse_bearer(values) == expected


@pytest.mark.parametrize(
    ("values", "status"),
    [
        pytest.param(["Bearer"], 401, id="A17-no-token"),
        pytest.param(["Bearer a b"], 401, id="A17-two-tokens"),
        pytest.param(["Basic dTpw"], 401, id="A17-basic"),
        pytest.param([""], 401, id="A17-empty"),
        pytest.param(["Bearer a", "Bearer a"], 400, id="A17-two-headers"),
    ],
)
def test_bearer_refused(values: list[str], status: int) -> None:
    with pytest.raises(ThreadcastError) as caught:
        parse_bearer(values)
    assert caught.value.kind.status == status


def test_an_unverified_token_does_not_show_itself() -> None:
    shown = repr(parse_token(token_bytes(GOOD)))
    assert SIGNATURE not in shown
    assert "u-17" not in shown
    assert SECRET not in shown

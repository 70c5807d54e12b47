"""Which keys are usable, and for what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from threadcast.auth.token_keys import (
    EMPTY_KEY_SET,
    KEY_SET_MAX_KEYS,
    UnusableKeyError,
    key_from_jwk,
    key_from_pem,
    key_from_secret,
    parse_key_set,
)
from token_forge import SECRET, ed25519_key, jwk, p256_key, p521_key, pem, rsa_key


def key_set(*entries: object) -> bytes:
    return json.dumps({"keys": entries}).encode()


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        pytest.param("", "0 bytes", id="C3-empty"),
        pytest.param("x" * 31, "31 bytes", id="C3-31-bytes"),
        pytest.param("your-256-bit-secret", "19 bytes", id="C3-short-example"),
        pytest.param("a-string-secret-at-least-256-bits-long", "published", id="C3-jwt-io"),
        pytest.param("qwertyuiopasdfghjklzxcvbnm123456", "published", id="C3-jwt-io-older"),
        pytest.param("Change-Me-" + "0" * 30, "published", id="C3-placeholder"),
        pytest.param(pem(p256_key()), "public key", id="A2-public-key-as-secret"),
        pytest.param(json.dumps(jwk(rsa_key())), "public key", id="A2-jwk-as-secret"),
        pytest.param("\ud800" * 40, "UTF-8", id="lone-surrogates"),
    ],
)
def test_secret_that_cannot_be(secret: str, reason: str) -> None:
    with pytest.raises(UnusableKeyError, match=reason) as caught:
        key_from_secret(secret)
    assert not secret or secret not in str(caught.value)


def test_secret_is_measured_in_bytes_and_never_shown() -> None:
    assert key_from_secret("é" * 16).algorithm == "HS256"
    key = key_from_secret(SECRET)
    assert SECRET not in repr(key)
    assert SECRET not in str(key)


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        (pem(rsa_key()), "RS256"),
        (pem(p256_key()), "ES256"),
        (pem(ed25519_key()), "EdDSA"),
    ],
    ids=["RSA", "P-256", "Ed25519"],
)
def test_pem_decides_the_algorithm(text: str, algorithm: str) -> None:
    assert key_from_pem(text).algorithm == algorithm


def _spki(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


PRIVATE_PEM = p256_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(pem(rsa_key(1_024)), "1024 bits", id="rsa-1024"),
        pytest.param(pem(p521_key()), "P-256", id="p-521"),
        pytest.param(_spki(ec.generate_private_key(ec.SECP256K1())), "P-256", id="secp256k1"),
        pytest.param(_spki(ed448.Ed448PrivateKey.generate()), "neither", id="ed448"),
        pytest.param(_spki(dsa.generate_private_key(1_024)), "neither", id="dsa"),
        pytest.param(PRIVATE_PEM, "private key", id="private"),
        pytest.param("-----BEGIN CERTIFICATE-----\nx", "certificate", id="certificate"),
        pytest.param("-----BEGIN PUBLIC KEY-----\nAAAA", "not a PEM", id="cut"),
        pytest.param("", "not a PEM", id="empty"),
    ],
)
def test_pem_that_cannot_be(text: str, reason: str) -> None:
    with pytest.raises(UnusableKeyError, match=reason):
        key_from_pem(text)


PRIVATE_JWK = {**RSAAlgorithm.to_jwk(rsa_key(), as_dict=True), "key_ops": ["sign", "verify"]}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(jwk(rsa_key(1_024)), id="A22-rsa-1024"),
        pytest.param(jwk(rsa_key(), n=jwk(rsa_key(1_024))["n"], e="Aw"), id="A22-rsa-1024-other-e"),
        pytest.param({"kty": "RSA", "n": "x" * 86, "e": "AQAB"}, id="A22-rsa-512"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0" * 8}, id="A22-oct"),
        pytest.param(jwk(rsa_key(), use="enc"), id="A22-use-enc"),
        pytest.param(jwk(rsa_key(), key_ops=["encrypt"]), id="A22-key-ops-encrypt"),
        pytest.param(jwk(rsa_key(), key_ops="verify"), id="key-ops-text"),
        pytest.param(jwk(rsa_key(), alg="PS256"), id="alg-PS256"),
        pytest.param(jwk(rsa_key(), alg="HS256"), id="alg-HS256"),
        pytest.param(jwk(p521_key()), id="p-521"),
        pytest.param(jwk(p256_key(), y="AAAA"), id="ec-point-short"),
        pytest.param(jwk(p256_key(), y=jwk(p256_key())["x"]), id="ec-point-not-on-curve"),
        pytest.param(jwk(ed25519_key(), x="AAAA"), id="ed25519-short"),
        pytest.param(jwk(ed25519_key(), x=..., k="AAAA"), id="ed25519-no-x"),
        pytest.param(jwk(rsa_key(), n=5), id="rsa-n-number"),
        pytest.param(jwk(rsa_key(), n=""), id="rsa-n-empty"),
        pytest.param(jwk(rsa_key(), e=""), id="rsa-e-empty"),
        pytest.param(jwk(rsa_key(), n="A" * 100_000), id="rsa-n-huge"),
        pytest.param(PRIVATE_JWK, id="private-published"),
        pytest.param({}, id="empty"),
        pytest.param({"kty": ["RSA"]}, id="kty-list"),
    ],
)
def test_jwk_that_cannot_be(entry: dict[str, Any]) -> None:
    with pytest.raises(UnusableKeyError):
        key_from_jwk(entry)


_value = st.none() | st.integers() | st.text(max_size=50) | st.lists(st.text(max_size=3))
_member_names = st.sampled_from(["crv", "n", "e", "x", "y", "use", "alg", "key_ops", "kid"])


@given(
    st.sampled_from(["RSA", "EC", "OKP", "oct"]),
    st.sampled_from([None, "P-256", "Ed25519"]),
    st.dictionaries(_member_names, _value),
)
def test_any_jwk_is_judged(kty: str, crv: str | None, entry: dict[str, Any]) -> None:
    with pytest.raises(UnusableKeyError):
        key_from_jwk({"crv": crv, **entry, "kty": kty})


def test_key_set_skips_what_is_unusable_and_says_why() -> None:
    keys = parse_key_set(
        key_set(
            jwk(rsa_key(), kid="good"),
            jwk(rsa_key(1_024), kid="weak"),
            {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
            jwk(p256_key(), kid="good-too", use="sig", alg="ES256"),
            jwk(ed25519_key(), kid="enc", use="enc"),
            jwk(ed25519_key(), kid="twin"),
            jwk(rsa_key(number=1), kid="twin"),
            jwk(ed25519_key(), kid="../../dev/null"),
            "not an object",
        )
    )
    assert set(keys.named) == {"good", "good-too"}
    assert [reason.partition(":")[0] for reason in keys.skipped] == [
        "entry 1",
        "entry 2",
        "entry 4",
        "entry 7",
        "entry 8",
        "entry 5",
        "entry 6",
    ]
    assert keys.find("twin", "EdDSA") is None
    assert "c2VjcmV0" not in str(keys.skipped)


def test_key_of_an_encryption_twin_is_kept() -> None:
    keys = parse_key_set(key_set(jwk(rsa_key(), kid="a"), jwk(rsa_key(), kid="a", use="enc")))
    assert keys.find("a", "RS256") is not None


def test_key_is_found_only_for_its_own_algorithm() -> None:
    keys = parse_key_set(key_set(jwk(rsa_key(), kid="a"), jwk(ed25519_key())))
    assert keys.find("a", "RS256") is not None
    assert keys.find("a", "EdDSA") is None
    assert keys.find("a", "HS256") is None


def test_token_without_key_id_needs_the_only_key_of_its_algorithm() -> None:
    one = parse_key_set(key_set(jwk(rsa_key()), jwk(ed25519_key(), kid="a")))
    assert one.find(None, "RS256") is one.unnamed[0]
    assert one.find(None, "EdDSA") is one.named["a"]
    two = parse_key_set(key_set(jwk(rsa_key()), jwk(rsa_key(number=1), kid="a")))
    assert two.find(None, "RS256") is None


def test_same_entry_is_parsed_once() -> None:
    before = parse_key_set(key_set(jwk(rsa_key(), kid="a"), jwk(p256_key(), kid="b")))
    after = parse_key_set(key_set(jwk(p256_key(), kid="c"), jwk(rsa_key(), kid="a")), before)
    assert after.named["a"] is before.named["a"]
    assert after.named["c"] is not before.named["b"]


def test_key_set_has_a_bound() -> None:
    entries = [jwk(ed25519_key(), kid=f"k{number}") for number in range(KEY_SET_MAX_KEYS + 5)]
    keys = parse_key_set(key_set(*entries))
    assert len(keys.named) == KEY_SET_MAX_KEYS
    assert keys.skipped == ("5 entries after 100",)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"keys":{}}', b'{"keys":' + b"[" * 5_000, b"\xff"],
    ids=lambda body: repr(body[:10]),
)
def test_document_that_is_no_key_set(body: bytes) -> None:
    with pytest.raises(UnusableKeyError):
        parse_key_set(body)


def test_empty_key_set_is_a_key_set() -> None:
    assert parse_key_set(b'{"keys":[]}') == EMPTY_KEY_SET

"""Whole tokens against whole authenticators: signatures, keys, memories and what never leaks."""

from __future__ import annotations

import json
import logging
import traceback
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from threadcast.auth.authenticator import Authenticator, StaticKey
from threadcast.auth.identity import TokenPolicy
from threadcast.auth.token_keys import (
    EMPTY_KEY_SET,
    AlgorithmName,
    KeySet,
    VerificationKey,
    key_from_pem,
    key_from_secret,
    parse_key_set,
)
from threadcast.errors import ConfigurationError, ThreadcastError
from threadcast.settings import Settings
from token_forge import (
    NOW,
    OTHER_SECRET,
    SECRET,
    ManualClock,
    PrivateKey,
    claims,
    ed25519_key,
    flip_bit,
    header,
    jwk,
    p256_key,
    p521_key,
    part,
    pem,
    rsa_key,
    token,
    token_by,
)

GOOD = token()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")


class CountedKeys:
    """Keys that a test changes by hand, counting how often they are asked for."""

    def __init__(self, *entries: dict[str, object]) -> None:
        self.degraded = False
        self.asked = 0
        self._keys: KeySet = EMPTY_KEY_SET
        self.publish(*entries)

    def publish(self, *entries: dict[str, object]) -> None:
        self._keys = parse_key_set(json.dumps({"keys": entries}).encode(), self._keys)

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def find(self, key_id: str | None, algorithm: AlgorithmName) -> VerificationKey | None:
        self.asked += 1
        if self.degraded:
            raise ThreadcastError("keys_unavailable")
        return self._keys.find(key_id, algorithm)


def with_secret(policy: TokenPolicy | None = None, **bounds: Any) -> Authenticator:
    return Authenticator(policy or TokenPolicy(), StaticKey(key_from_secret(SECRET)), **bounds)


def with_public(key: PrivateKey) -> Authenticator:
    return Authenticator(TokenPolicy(), StaticKey(key_from_pem(pem(key))))


async def judge(authenticator: Authenticator, text: str, now: float = NOW) -> str:
    """The error's code, or "ok"."""
    try:
        await authenticator.verify(text, now=now)
    except ThreadcastError as error:
        return error.code
    return "ok"


async def test_good_token_gives_the_identity() -> None:
    payload = claims(jti="token-1", plan="premium", scope="read write")
    identity = await with_secret().verify(token(payload), now=NOW)
    assert identity.user_id == "u-17"
    assert identity.expires_at == NOW + 300
    assert identity.issued_at == NOW - 5
    assert identity.token_id == "token-1"
    assert identity.plan == "premium"
    assert identity.scopes == {"read", "write"}


async def test_token_of_another_library_is_understood() -> None:
    made = jwt.encode(claims(), SECRET, algorithm="HS256", headers={"kid": "any"})
    assert await judge(with_secret(), made) == "ok"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(GOOD, "ok", id="good"),
        pytest.param(token(head=header(alg="none")), "token_invalid", id="A1-none-signed"),
        pytest.param(f"{part(header(alg='none'))}.{PAYLOAD}.", "token_invalid", id="A1-none"),
        pytest.param(f"{part(header(alg='nOnE'))}.{PAYLOAD}.", "token_invalid", id="A1-nOnE"),
        pytest.param(token(secret=OTHER_SECRET), "token_invalid", id="A4-other-secret"),
        pytest.param(flip_bit(GOOD, 5), "token_invalid", id="A4-header-bit"),
        pytest.param(flip_bit(GOOD, len(HEAD) + 9), "token_invalid", id="A4-payload-bit"),
        pytest.param(flip_bit(GOOD, -9 % len(GOOD)), "token_invalid", id="A4-signature-bit"),
        pytest.param(GOOD[:-4], "token_invalid", id="A4-signature-cut"),
        pytest.param(f"{HEAD}.{PAYLOAD}.AA", "token_invalid", id="A4-signature-one-byte"),
        pytest.param(GOOD + "=", "token_invalid", id="A4-padding"),
        pytest.param(f"{GOOD}.{GOOD}", "token_invalid", id="A5-two-tokens"),
        pytest.param(token(GOOD.encode()), "token_invalid", id="A5-nested"),
        pytest.param(token(head=header(kid="../../dev/null")), "token_invalid", id="A6-path"),
        pytest.param(token(head=header(jku="https://evil.example")), "ok", id="A7-jku"),
        pytest.param(
            token(head=header(jwk=jwk(ed25519_key())), secret=OTHER_SECRET),
            "token_invalid",
            id="A7-jwk-not-trusted",
        ),
        pytest.param(token(head=header(crit=["b64"], b64=False)), "token_invalid", id="A8-b64"),
        pytest.param(token(claims(exp=NOW - 11)), "token_expired", id="A9-past"),
        pytest.param(token(claims(exp=...)), "token_invalid", id="A9-missing"),
        pytest.param(
            token(claims(exp=NOW - 11), secret=OTHER_SECRET), "token_invalid", id="A9-past-unsigned"
        ),
        pytest.param(token(claims(nbf=NOW + 60)), "token_not_yet_valid", id="A10-nbf"),
        pytest.param(token(claims(sub=17)), "token_invalid", id="A14-int"),
        pytest.param(token(claims(x="y" * 9_000)), "token_too_large", id="A16-9-KiB"),
        pytest.param("x" * 9_216, "token_too_large", id="A16-rubbish"),
    ],
)
async def test_secret(text: str, code: str) -> None:
    authenticator = with_secret()
    assert await judge(authenticator, text) == code
    assert await judge(authenticator, text) == code, "the same from memory"


async def test_a4_every_changed_bit_is_noticed() -> None:
    authenticator = with_secret()
    for index, character in enumerate(GOOD):
        if character != ".":
            assert await judge(authenticator, flip_bit(GOOD, index)) == "token_invalid", index


KEYS: dict[str, PrivateKey] = {"RS256": rsa_key(), "ES256": p256_key(), "EdDSA": ed25519_key()}


@pytest.mark.parametrize("algorithm", KEYS)
async def test_public_key(algorithm: str) -> None:
    key = KEYS[algorithm]
    good = token_by(key, alg=algorithm)
    authenticator = with_public(key)
    assert await judge(authenticator, good) == "ok"
    body, _, signature = good.rpartition(".")
    assert await judge(authenticator, f"{body}.{signature[:-4]}") == "token_invalid"
    assert await judge(authenticator, f"{body}.{flip_bit(signature, 10)}") == "token_invalid"
    assert await judge(authenticator, f"{body}.{part(bytes(64))}") == "token_invalid"


async def test_other_key_of_the_same_kind() -> None:
    stranger = token_by(rsa_key(number=1), alg="RS256")
    assert await judge(with_public(rsa_key()), stranger) == "token_invalid"


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a2_public_key_as_secret(algorithm: str) -> None:
    key = KEYS[algorithm]
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem(key), pem(key).strip(), json.dumps(jwk(key)), der):
        forged = token(secret=secret)
        assert await judge(with_public(key), forged) == "token_invalid"
        renamed = token(head=header(alg=algorithm), secret=secret)
        assert await judge(with_public(key), renamed) == "token_invalid"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(token_by(p521_key(), alg="ES512"), id="A3-ES512"),
        pytest.param(token_by(rsa_key(), alg="PS256"), id="A3-PS256"),
    ],
)
async def test_a3_algorithms_of_the_library_are_not_ours(text: str) -> None:
    for key in KEYS.values():
        assert await judge(with_public(key), text) == "token_invalid"


async def test_key_of_one_algorithm_does_not_verify_another() -> None:
    for algorithm, key in KEYS.items():
        for other, other_key in KEYS.items():
            expected = "ok" if algorithm == other else "token_invalid"
            assert await judge(with_public(key), token_by(other_key, alg=other)) == expected


async def test_header_must_name_the_key_s_own_algorithm() -> None:
    """The signature is right, but the header promises another way of checking it."""
    signing_input = f"{part(header(alg='ES256'))}.{PAYLOAD}"
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(signing_input.encode(), rsa_key())
    text = f"{signing_input}.{part(signature)}"
    assert await judge(with_public(rsa_key()), text) == "token_invalid"


async def test_key_id_chooses_the_key() -> None:
    keys = CountedKeys(jwk(rsa_key(), kid="a"), jwk(rsa_key(number=1), kid="b"))
    authenticator = Authenticator(TokenPolicy(), keys)
    assert await judge(authenticator, token_by(rsa_key(), alg="RS256", kid="a")) == "ok"
    assert await judge(authenticator, token_by(rsa_key(), alg="RS256", kid="b")) == "token_invalid"
    assert await judge(authenticator, token_by(rsa_key(), alg="RS256", kid="c")) == "token_invalid"
    assert await judge(authenticator, token_by(rsa_key(), alg="RS256")) == "token_invalid"


async def test_a23_removed_key_ends_remembered_tokens_too() -> None:
    keys = CountedKeys(jwk(rsa_key(), kid="a"))
    authenticator = Authenticator(TokenPolicy(), keys)
    text = token_by(rsa_key(), alg="RS256", kid="a")
    assert await judge(authenticator, text) == "ok"
    keys.publish(jwk(rsa_key(), kid="a"), jwk(p256_key(), kid="b"))
    assert await judge(authenticator, text) == "ok"
    keys.publish(jwk(rsa_key(number=1), kid="a"))
    assert await judge(authenticator, text) == "token_invalid"


async def test_a21_missing_keys_are_not_remembered_as_a_bad_token() -> None:
    keys = CountedKeys(jwk(rsa_key(), kid="a"))
    keys.degraded = True
    authenticator = Authenticator(TokenPolicy(), keys)
    text = token_by(rsa_key(), alg="RS256", kid="a")
    assert authenticator.degraded
    assert await judge(authenticator, text) == "keys_unavailable"
    keys.degraded = False
    assert await judge(authenticator, text) == "ok"


async def test_a27_failure_is_remembered_for_1_s() -> None:
    keys = CountedKeys()
    authenticator = Authenticator(TokenPolicy(), keys)
    text = token_by(rsa_key(), alg="RS256", kid="a")
    for _ in range(100):
        assert await judge(authenticator, text, NOW + 0.9) == "token_invalid"
    assert keys.asked == 1
    keys.publish(jwk(rsa_key(), kid="a"))
    assert await judge(authenticator, text, NOW + 1.8) == "token_invalid"
    assert await judge(authenticator, text, NOW + 1.9) == "ok"


async def test_failures_of_a_clock_that_stepped_back_are_forgotten() -> None:
    authenticator = with_secret()
    text = token(claims(exp=NOW))
    assert await judge(authenticator, text, NOW + 60) == "token_expired"
    assert await judge(authenticator, text, NOW) == "ok"


async def test_failures_remembered_are_bounded() -> None:
    keys = CountedKeys()
    authenticator = Authenticator(TokenPolicy(), keys, failures_max=2)
    texts = [token_by(ed25519_key(), claims(jti=f"t{n}"), alg="EdDSA") for n in range(3)]
    for text in texts:
        await judge(authenticator, text)
    await judge(authenticator, texts[2])
    await judge(authenticator, texts[1])
    assert keys.asked == 3
    await judge(authenticator, texts[0])
    assert keys.asked == 4


async def test_verified_token_is_judged_by_time_at_every_use() -> None:
    authenticator = with_secret()
    text = token(claims(exp=NOW + 60, nbf=NOW))
    first = await authenticator.verify(text, now=NOW)
    assert await authenticator.verify(text, now=NOW + 69) is first
    assert await judge(authenticator, text, NOW + 70) == "token_expired"
    assert await judge(authenticator, text, NOW - 11) == "token_not_yet_valid"
    assert await judge(authenticator, text, NOW + 5) == "ok"


async def test_verified_tokens_remembered_are_bounded() -> None:
    authenticator = with_secret(verified_max=1)
    first, second = token(claims(sub="u-1")), token(claims(sub="u-2"))
    identity = await authenticator.verify(first, now=NOW)
    assert await authenticator.verify(first, now=NOW) is identity
    assert (await authenticator.verify(second, now=NOW)).user_id == "u-2"
    again = await authenticator.verify(first, now=NOW)
    assert again == identity
    assert again is not identity


async def test_memories_can_be_switched_off() -> None:
    authenticator = with_secret(verified_max=0, failures_max=0)
    first = await authenticator.verify(GOOD, now=NOW)
    assert await authenticator.verify(GOOD, now=NOW) is not first
    assert await judge(authenticator, GOOD[:-4]) == "token_invalid"


BASE = Settings(jwt_secret=SECRET)


async def test_settings_with_a_secret() -> None:
    authenticator = Authenticator.from_settings(BASE, clock=ManualClock())
    await authenticator.start()
    assert not authenticator.degraded
    assert await judge(authenticator, GOOD) == "ok"
    await authenticator.aclose()


async def test_settings_with_a_public_key() -> None:
    settings = replace(BASE, jwt_secret=None, jwt_public_key=pem(p256_key()))
    authenticator = Authenticator.from_settings(settings, clock=ManualClock())
    assert await judge(authenticator, token_by(p256_key(), alg="ES256")) == "ok"
    assert await judge(authenticator, GOOD) == "token_invalid"


async def test_settings_with_a_jwks_url() -> None:
    settings = replace(
        BASE,
        jwt_secret=None,
        jwt_jwks_url="https://issuer.example/keys",
        jwt_issuer="https://issuer.example",
        jwt_audience="threadcast",
    )
    authenticator = Authenticator.from_settings(settings, clock=ManualClock())
    assert authenticator.degraded
    assert await judge(authenticator, GOOD[:-4] + "!") == "token_invalid", "no fetch for rubbish"
    await authenticator.aclose()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"jwt_secret": None}, id="no-key"),
        pytest.param({"jwt_public_key": pem(p256_key())}, id="C4-secret-and-public-key"),
        pytest.param({"jwt_jwks_url": "https://issuer.example/k"}, id="C4-secret-and-jwks"),
        pytest.param({"jwt_algorithms": ("RS256",)}, id="C4-other-algorithm"),
        pytest.param({"jwt_algorithms": ("HS256", "RS256")}, id="C4-HS256-and-RS256"),
        pytest.param({"jwt_algorithms": ("none",)}, id="C4-none"),
        pytest.param({"jwt_secret": SECRET[:31]}, id="C3-short"),
        pytest.param({"jwt_secret": "a-string-secret-at-least-256-bits-long"}, id="C3-example"),
        pytest.param({"jwt_secret": None, "jwt_public_key": pem(rsa_key(1_024))}, id="rsa-1024"),
        pytest.param(
            {"jwt_secret": None, "jwt_jwks_url": "https://issuer.example/k"},
            id="jwks-without-audience",
        ),
        pytest.param(
            {
                "jwt_secret": None,
                "jwt_jwks_url": "https://10.0.0.1/k",
                "jwt_audience": "a",
                "jwt_issuer": "i",
            },
            id="C5-private",
        ),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="jwt_") as caught:
        Authenticator.from_settings(replace(BASE, **changes), clock=ManualClock())
    assert SECRET[:31] not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD[:-4],
        token(claims(exp=NOW - 60, jti="canary-claim")),
        token(claims(nbf=NOW + 60, iss="canary-claim")),
        token(claims(sub="canary-claim\n")),
        token(claims(scope={"canary-claim": 1})),
        token(head=header(kid="canary-claim..")),
        token(head=header(alg="canary-claim")),
        token(b'{"canary-claim'),
    ],
    ids=range(9),
)
async def test_nothing_secret_is_shown(text: str, caplog: pytest.LogCaptureFixture) -> None:
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        authenticator = with_secret(TokenPolicy(issuer=None))
        for _ in range(2):
            try:
                shown.append(repr(await authenticator.verify(text, now=NOW)))
            except ThreadcastError as error:
                shown += [repr(error), *traceback.format_exception(error)]
    seen = "\n".join([*shown, caplog.text, repr(authenticator), repr(vars(authenticator))])
    assert SECRET not in seen
    assert "canary-claim" not in seen
    for piece in text.split("."):
        assert piece not in seen


async def test_a_good_token_without_a_time_of_issue_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    authenticator = Authenticator.from_settings(Settings(jwt_secret=SECRET), clock=ManualClock())
    with caplog.at_level(logging.WARNING):
        await authenticator.verify(GOOD, now=NOW)
        with pytest.raises(ThreadcastError, match="token_expired"):
            await authenticator.verify(token(claims(iat=..., exp=NOW - 60)), now=NOW)
        assert caplog.messages == []
        for user_id in ("u-17", "u-18"):
            await authenticator.verify(token(claims(iat=..., sub=user_id)), now=NOW)
    (said,) = caplog.messages
    assert said.startswith('a token without "iat" was accepted')

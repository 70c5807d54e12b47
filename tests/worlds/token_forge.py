"""Tokens of every shape for the tests: made by hand, so that no library corrects them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

NOW = 1_763_629_200.0
SECRET = "canary-9d1f60b7c2e84a5b93d6e7f8a1b2c3d4"
OTHER_SECRET = "another-0a1b2c3d4e5f60718293a4b5c6d7e8f9"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> float:
        return NOW + self.elapsed_s

    def monotonic(self) -> float:
        return self.elapsed_s


def part(value: object) -> str:
    """One base64url part: of bytes as they are, of anything else as JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: object) -> dict[str, object]:
    """The claims of a good token; a change to `...` removes the claim."""
    good: dict[str, object] = {"sub": "u-17", "iat": NOW - 5, "exp": NOW + 300}
    good.update(changes)
    return {name: value for name, value in good.items() if value is not ...}


def header(**changes: object) -> dict[str, object]:
    """The header of a good HS256 token; a change to `...` removes the member."""
    good: dict[str, object] = {"alg": "HS256", "typ": "JWT"}
    good.update(changes)
    return {name: value for name, value in good.items() if value is not ...}


def token(
    payload: object = None,
    head: Mapping[str, object] | bytes | None = None,
    *,
    secret: str | bytes = SECRET,
) -> str:
    """A token signed with HMAC-SHA-256, whatever its header says."""
    signing_input = f"{part(header() if head is None else head)}.{part(_or_good(payload))}"
    key = secret.encode() if isinstance(secret, str) else secret
    signature = HMACAlgorithm(HMACAlgorithm.SHA256).sign(signing_input.encode(), key)
    return f"{signing_input}.{part(signature)}"


def token_by(key: PrivateKey, payload: object = None, **head: object) -> str:
    """A token signed with a private key; `alg` in the header says how."""
    signing_input = f"{part(header(**head))}.{part(_or_good(payload))}"
    signer: Any = {
        "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
        "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
        "ES256": ECAlgorithm(ECAlgorithm.SHA256),
        "ES512": ECAlgorithm(ECAlgorithm.SHA512),
        "EdDSA": OKPAlgorithm(),
    }[str(head["alg"])]
    return f"{signing_input}.{part(signer.sign(signing_input.encode(), key))}"


def _or_good(payload: object) -> object:
    return claims() if payload is None else payload


@cache
def rsa_key(bits: int = 2_048, number: int = 0) -> rsa.RSAPrivateKey:
    """An RSA key; the same one for the same arguments."""
    del number
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


@cache
def p256_key() -> ec.EllipticCurvePrivateKey:
    """An EC key on P-256; the same one always."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def p521_key() -> ec.EllipticCurvePrivateKey:
    """An EC key on P-521; the same one always."""
    return ec.generate_private_key(ec.SECP521R1())


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    """An Ed25519 key; the same one always."""
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: PrivateKey) -> str:
    """The public half in PEM."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key: PrivateKey, **changes: object) -> dict[str, object]:
    """The public half as an entry of a JSON Web Key Set; a change to `...` removes the member."""
    public = key.public_key()
    entry: dict[str, object]
    if isinstance(public, rsa.RSAPublicKey):
        entry = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        entry = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        entry = OKPAlgorithm.to_jwk(public, as_dict=True)
    entry.update(changes)
    return {name: value for name, value in entry.items() if value is not ...}


def flip_bit(text: str, index: int) -> str:
    """The text with the lowest bit of one character's base64url value changed."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = alphabet[alphabet.index(text[index]) ^ 1]
    return text[:index] + changed + text[index:][1:]

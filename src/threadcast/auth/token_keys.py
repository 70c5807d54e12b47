"""Keys that verify tokens, each bound to a single algorithm.

The binding happens when a key is made, so no token can choose how it is checked. This module knows
nothing about claims, files, networks or time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import (
    Algorithm,
    ECAlgorithm,
    HMACAlgorithm,
    OKPAlgorithm,
    RSAAlgorithm,
)
from jwt.exceptions import PyJWTError

from ..settings.forms import is_example_secret

AlgorithmName = Literal["HS256", "RS256", "ES256", "EdDSA"]

SECRET_MIN_BYTES = 32
RSA_MIN_BITS = 2_048
RSA_MAX_BITS = 8_192
KEY_SET_MAX_KEYS = 100
JWK_MEMBER_MAX_CHARACTERS = 1_400
"""An RSA modulus of 8,192 bits takes 1,366 characters; nothing in a usable key is longer."""

METHODS: Mapping[AlgorithmName, Algorithm] = MappingProxyType(
    {
        "HS256": HMACAlgorithm(HMACAlgorithm.SHA256),
        "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
        "ES256": ECAlgorithm(ECAlgorithm.SHA256, SECP256R1),
        "EdDSA": OKPAlgorithm(),
    }
)
"""The supported algorithms, with PyJWT's implementation of each."""

_JWK_FAMILIES: Mapping[tuple[object, object], AlgorithmName] = MappingProxyType(
    {
        ("RSA", None): "RS256",
        ("EC", "P-256"): "ES256",
        ("OKP", "Ed25519"): "EdDSA",
    }
)

_KEY_ID = re.compile(r"[A-Za-z0-9._~:/+=@#|-]{1,255}")


class UnusableKeyError(ValueError):
    """A key cannot be trusted or read; the message gives the reason and no key material."""


@dataclass(frozen=True, slots=True, eq=False)
class VerificationKey:
    """One key for one algorithm; compared by identity.

    Attributes:
        algorithm: the only algorithm that this key verifies.
        material: the secret's bytes or the public key object; never shown.
    """

    algorithm: AlgorithmName
    material: bytes | RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey = field(repr=False)

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether `signature` was made over `signing_input` by this key's owner."""
        return METHODS[self.algorithm].verify(signing_input, self.material, signature)


def is_key_id(value: object) -> bool:
    """Whether a value is a key id that may be looked up.

    Ids that look like relative paths or URLs are refused too: nothing here would follow them, but
    no honest issuer sends them.
    """
    return (
        isinstance(value, str)
        and _KEY_ID.fullmatch(value) is not None
        and ".." not in value
        and "://" not in value
    )


def key_from_secret(secret: str) -> VerificationKey:
    """Make the HS256 key of a shared secret.

    Args:
        secret: at least 32 bytes in UTF-8, and not one from a public example.

    Raises:
        UnusableKeyError: the secret is too short, well known, or is itself a key file's text.
    """
    try:
        material = secret.encode("utf-8")
    except UnicodeEncodeError:
        raise UnusableKeyError("the secret is not valid UTF-8") from None
    if len(material) < SECRET_MIN_BYTES:
        raise UnusableKeyError(
            f"the secret has {len(material)} bytes; at least {SECRET_MIN_BYTES} are required"
        )
    if is_example_secret(secret):
        raise UnusableKeyError("the secret is a published example that anybody can sign with")
    try:
        METHODS["HS256"].prepare_key(material)
    except PyJWTError:
        raise UnusableKeyError("the secret is a public key or a JWK, not a shared secret") from None
    return VerificationKey("HS256", material)


def key_from_pem(text: str) -> VerificationKey:
    """Make the key of a PEM public key: RSA, EC on P-256, or Ed25519.

    Args:
        text: the whole text of the PEM, from `-----BEGIN PUBLIC KEY-----` on.

    Raises:
        UnusableKeyError: it is a private key, a certificate, unreadable, too weak, or of an
            unsupported kind.
    """
    if "PRIVATE KEY-----" in text:
        raise UnusableKeyError("expected a public key, got a private key")
    if "CERTIFICATE-----" in text:
        raise UnusableKeyError(
            "expected a public key, got a certificate; "
            "`openssl x509 -pubkey -noout -in FILE` prints its key"
        )
    try:
        material = load_pem_public_key(text.encode("utf-8"))
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKeyError("the text is not a PEM public key") from None
    return _public_key(material)


def _public_key(material: object) -> VerificationKey:
    if isinstance(material, RSAPublicKey):
        if not RSA_MIN_BITS <= material.key_size <= RSA_MAX_BITS:
            raise UnusableKeyError(
                f"an RSA key of {material.key_size} bits; "
                f"{RSA_MIN_BITS} to {RSA_MAX_BITS} are required"
            )
        return VerificationKey("RS256", material)
    if isinstance(material, EllipticCurvePublicKey):
        if not isinstance(material.curve, SECP256R1):
            raise UnusableKeyError("an EC key on another curve than P-256")
        return VerificationKey("ES256", material)
    if isinstance(material, Ed25519PublicKey):
        return VerificationKey("EdDSA", material)
    raise UnusableKeyError("a key that is neither RSA, EC on P-256, nor Ed25519")


def key_from_jwk(jwk: Mapping[str, Any]) -> VerificationKey:
    """Make the key of one entry of a JSON Web Key Set.

    Raises:
        UnusableKeyError: the entry is not a public signature key of a supported kind.
    """
    algorithm = _JWK_FAMILIES.get((_member(jwk, "kty"), _member(jwk, "crv")))
    if algorithm is None:
        raise UnusableKeyError("a key type or curve that is not used here")
    if _member(jwk, "use") not in (None, "sig"):
        raise UnusableKeyError('"use" is not "sig"')
    operations = jwk.get("key_ops")
    if operations is not None and (not isinstance(operations, list) or "verify" not in operations):
        raise UnusableKeyError('"key_ops" has no "verify"')
    if _member(jwk, "alg") not in (None, algorithm):
        raise UnusableKeyError(f'"alg" is not {algorithm}')
    if "d" in jwk:
        raise UnusableKeyError("a private key was published; it must not be trusted")
    return _public_key(_jwk_material(jwk, algorithm))


def _member(jwk: Mapping[str, Any], name: str) -> str | None:
    value = jwk.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > JWK_MEMBER_MAX_CHARACTERS:
        raise UnusableKeyError(f'"{name}" is not a short string')
    return value


def _jwk_material(jwk: Mapping[str, Any], algorithm: AlgorithmName) -> object:
    names = ("kty", "crv", "n", "e", "x", "y")
    members = {name: value for name in names if (value := _member(jwk, name)) is not None}
    try:
        return METHODS[algorithm].from_jwk(members)
    except (PyJWTError, ValueError, TypeError, KeyError, OverflowError, UnsupportedAlgorithm):
        raise UnusableKeyError("its numbers cannot be read") from None


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of one JSON Web Key Set.

    Attributes:
        named: the keys with a key id, by id.
        unnamed: the keys without one.
        skipped: why each unusable entry was skipped; no key material.
        parsed: every key by its JSON, so that the next set can reuse it.
    """

    named: Mapping[str, VerificationKey]
    unnamed: tuple[VerificationKey, ...]
    skipped: tuple[str, ...]
    parsed: Mapping[bytes, VerificationKey] = field(repr=False)

    def find(self, key_id: str | None, algorithm: AlgorithmName) -> VerificationKey | None:
        """The key for a token; without a key id, only if exactly one key has the algorithm."""
        if key_id is not None:
            key = self.named.get(key_id)
            return key if key is not None and key.algorithm == algorithm else None
        every = (*self.named.values(), *self.unnamed)
        fitting = [key for key in every if key.algorithm == algorithm]
        return fitting[0] if len(fitting) == 1 else None


EMPTY_KEY_SET = KeySet({}, (), (), {})


def parse_key_set(body: bytes, previous: KeySet = EMPTY_KEY_SET) -> KeySet:
    """Parse a JSON Web Key Set; unusable entries are skipped and reported.

    Two usable entries with the same key id are both skipped, because they are ambiguous.

    Args:
        body: the document; the caller has bounded its size.
        previous: the previous set; its keys are reused for unchanged entries.

    Raises:
        UnusableKeyError: the document is not a JSON Web Key Set at all.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise UnusableKeyError("the document is not JSON") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise UnusableKeyError('the document has no "keys" list')
    return _collect(entries, previous)


def _collect(entries: list[Any], previous: KeySet) -> KeySet:
    usable: list[tuple[int, str | None, VerificationKey]] = []
    skipped: list[str] = []
    parsed: dict[bytes, VerificationKey] = {}
    for position, entry in enumerate(entries[:KEY_SET_MAX_KEYS]):
        try:
            key_id, source, key = _read_entry(entry, previous)
        except UnusableKeyError as error:
            skipped.append(f"entry {position}: {error}")
            continue
        usable.append((position, key_id, key))
        parsed[source] = key
    if len(entries) > KEY_SET_MAX_KEYS:
        skipped.append(f"{len(entries) - KEY_SET_MAX_KEYS} entries after {KEY_SET_MAX_KEYS}")
    times = Counter(key_id for _, key_id, _ in usable)
    named: dict[str, VerificationKey] = {}
    for position, key_id, key in usable:
        if key_id is not None and times[key_id] > 1:
            skipped.append(f"entry {position}: its key id is not unique")
        elif key_id is not None:
            named[key_id] = key
    unnamed = tuple(key for _, key_id, key in usable if key_id is None)
    return KeySet(named, unnamed, tuple(skipped), parsed)


def _read_entry(entry: object, previous: KeySet) -> tuple[str | None, bytes, VerificationKey]:
    if not isinstance(entry, dict):
        raise UnusableKeyError("not an object")
    key_id = entry.get("kid")
    if key_id is not None and not is_key_id(key_id):
        raise UnusableKeyError('"kid" is not a key id')
    source = msgspec.json.encode(entry, order="sorted")
    return key_id, source, previous.parsed.get(source) or key_from_jwk(entry)

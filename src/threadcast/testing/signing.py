"""Signs tokens for tests, valid and invalid ones.

It signs any claims. It knows neither servers nor requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_SECRET_MIN_BYTES = 32
_RSA_BITS = 2_048
_RSA_EXPONENT = 65_537


@dataclass(frozen=True)
class LocalKey:
    """A key that signs tokens.

    Attributes:
        key: a secret (HS256) or a private key.
        algorithm: HS256, RS256, ES256 or EdDSA, depending on the key.
        key_id: the header `kid`, if any.
    """

    key: str | PrivateKey
    algorithm: str
    key_id: str | None = None

    @classmethod
    def of_secret(cls, secret: str, *, key_id: str | None = None) -> LocalKey:
        """A shared secret, at least 32 bytes.

        Raises:
            ValueError: it is shorter.
        """
        if len(secret.encode()) < _SECRET_MIN_BYTES:
            raise ValueError(f"secret: expected at least {_SECRET_MIN_BYTES} bytes, got fewer")
        return cls(secret, "HS256", key_id)

    @classmethod
    def of_pem(cls, pem: str | bytes, *, key_id: str | None = None) -> LocalKey:
        """A private key in PEM without a password: RSA, P-256 or Ed25519.

        Raises:
            ValueError: it is something else; the message repeats nothing of it.
        """
        data = pem.encode() if isinstance(pem, str) else pem
        try:
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("private_key: expected a private key in PEM, no password") from None
        match key:
            case rsa.RSAPrivateKey():
                return cls(key, "RS256", key_id)
            case ec.EllipticCurvePrivateKey() if key.curve.name == "secp256r1":
                return cls(key, "ES256", key_id)
            case ed25519.Ed25519PrivateKey():
                return cls(key, "EdDSA", key_id)
        raise ValueError("private_key: expected an RSA, P-256 or Ed25519 key")

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims, whatever they are."""
        headers = None if self.key_id is None else {"kid": self.key_id}
        return jwt.encode(dict(claims), self.key, algorithm=self.algorithm, headers=headers)

    @cached_property
    def stranger(self) -> LocalKey:
        """Another key of the same kind and `kid`, which no server knows."""
        match self.algorithm:
            case "RS256":
                rsa_key = rsa.generate_private_key(
                    public_exponent=_RSA_EXPONENT, key_size=_RSA_BITS
                )
                return LocalKey(rsa_key, "RS256", self.key_id)
            case "ES256":
                return LocalKey(ec.generate_private_key(ec.SECP256R1()), "ES256", self.key_id)
            case "EdDSA":
                return LocalKey(ed25519.Ed25519PrivateKey.generate(), "EdDSA", self.key_id)
        return LocalKey("a-secret-that-no-server-was-given", "HS256", self.key_id)


@dataclass(frozen=True, slots=True)
class Claims:
    """The common claims of a helper's tokens.

    Attributes:
        audience: `aud`, if any.
        issuer: `iss`, if any.
        plan_claim: the name of the claim that holds the plan.
        now: gives wall time, seconds since the epoch.
    """

    audience: str | None = None
    issuer: str | None = None
    plan_claim: str = "plan"
    now: Callable[[], float] = time.time

    def of(
        self,
        user_id: str,
        *,
        lifetime_s: float,
        plan: str | None = None,
        scopes: tuple[str, ...] = (),
        more: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The claims of one token; `lifetime_s` may be negative, and `more` replaces any claim."""
        now = self.now()
        issued_at = min(now, now + lifetime_s) - 1.0
        optional = {
            "aud": self.audience,
            "iss": self.issuer,
            self.plan_claim: plan,
            "scope": " ".join(scopes) or None,
        }
        claims = {"sub": user_id, "iat": issued_at, "exp": now + lifetime_s}
        claims |= {name: value for name, value in optional.items() if value is not None}
        return claims | dict(more or {})

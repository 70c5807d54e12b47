"""The rules for a verified token's claims and times.

Pure: claims in, an `Identity` or an error out. No keys, signatures or clocks here; `authenticator`
combines these rules with `token_format` and keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import msgspec

from ..errors import ConfigurationError, ThreadcastError
from ..ids import USER_ID_MAX_CHARACTERS, user_id_problem
from ..settings import Settings
from .token_format import invalid_token
from .token_keys import METHODS

Scope = Literal["content", "ingest", "metrics", "ops"]
"""A permission that Threadcast asks for; a token may have others, for other programs."""
PLAN_MAX_CHARACTERS = 64
LEEWAY_MAX_S = 60.0
TIME_MAX_S = 253_402_300_799.0
"""The last second of the year 9999; a later claim is a mistake of units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The user of a verified token, and until when. It does not hold the token.

    Attributes:
        user_id: the `sub` claim, 1..255 characters, compared code point by code point.
        expires_at: `exp`, seconds since the epoch; the leeway is not added.
        issued_at: `iat`, seconds since the epoch, or None.
        token_id: `jti`, for revocation, or None.
        plan: the configured plan claim, or None where it is absent or not a short string.
        scopes: the entries of `scope`; empty where there is none.
    """

    user_id: str
    expires_at: float
    issued_at: float | None = None
    token_id: str | None = None
    plan: str | None = None
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """What this server requires of every token; it holds no key and no secret.

    Args:
        audience: what `aud` must be or contain; None: not checked.
        issuer: what `iss` must be, exactly; None: not checked.
        leeway_s: how far clocks may differ, 0..60 seconds.
        lifetime_max_s: the longest `exp - iat`, above 0 seconds; None: not checked.
        plan_claim: the claim that names the user's plan.
        algorithms: allowed algorithms; empty: exactly those that the configured keys are for.

    Raises:
        ConfigurationError: a value is out of bounds, or the algorithms contradict each other.
    """

    audience: str | None = None
    issuer: str | None = None
    leeway_s: float = 10.0
    lifetime_max_s: float | None = None
    plan_claim: str = "plan"
    algorithms: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for key, text in (("jwt_audience", self.audience), ("jwt_issuer", self.issuer)):
            if text == "":
                raise ConfigurationError(f"{key}: expected a text, got an empty one")
        if not self.plan_claim:
            raise ConfigurationError("jwt_plan_claim: expected a claim's name, got none")
        if not 0 <= self.leeway_s <= LEEWAY_MAX_S:
            raise ConfigurationError(
                f"jwt_leeway_s: expected 0 to {LEEWAY_MAX_S:g}, got {self.leeway_s:g}"
            )
        if self.lifetime_max_s is not None and not self.lifetime_max_s > 0:
            raise ConfigurationError(
                f"jwt_lifetime_max_s: expected more than 0, got {self.lifetime_max_s:g}"
            )
        self._check_algorithms()

    def _check_algorithms(self) -> None:
        unknown = sorted(self.algorithms - METHODS.keys())
        if unknown:
            raise ConfigurationError(
                f"jwt_algorithms: expected some of {', '.join(METHODS)}, got {unknown[0]!r}"
            )
        if "HS256" in self.algorithms and len(self.algorithms) > 1:
            raise ConfigurationError(
                "jwt_algorithms: HS256 cannot stand beside a public-key algorithm"
            )

    @classmethod
    def from_settings(cls, settings: Settings) -> TokenPolicy:
        """The policy that the `jwt_*` settings describe.

        Raises:
            ConfigurationError: as the constructor.
        """
        return cls(
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway_s=settings.jwt_leeway_s,
            lifetime_max_s=settings.jwt_lifetime_max_s,
            plan_claim=settings.jwt_plan_claim,
            algorithms=frozenset(settings.jwt_algorithms),
        )


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims of a verified token, before their times are checked.

    Attributes:
        identity: the token's user.
        not_before: `nbf`, seconds since the epoch, or None.
    """

    identity: Identity
    not_before: float | None


_claims_decoder = msgspec.json.Decoder(dict[str, Any])


def read_claims(payload: bytes, policy: TokenPolicy) -> TokenClaims:
    """Check the claims of a token whose signature is verified; all rules except times.

    Raises:
        ThreadcastError: `token_invalid`, naming the claim and never its value.
    """
    try:
        claims = _claims_decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise invalid_token("The token's payload is not a JSON object.") from None
    _check_issuer(claims, policy)
    _check_audience(claims, policy)
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise invalid_token('The token has no "exp".')
    user_id = _text(claims, "sub")
    if user_id is None:
        raise invalid_token('The token has no "sub".')
    identity = Identity(
        user_id=user_id,
        expires_at=expires_at,
        issued_at=_time(claims, "iat"),
        token_id=_text(claims, "jti"),
        plan=_plan(claims.get(policy.plan_claim)),
        scopes=_scopes(claims.get("scope", "")),
    )
    return TokenClaims(identity, _time(claims, "nbf"))


def _check_issuer(claims: Mapping[str, Any], policy: TokenPolicy) -> None:
    if policy.issuer is None:
        return
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer != policy.issuer:
        raise invalid_token('The token\'s "iss" is not the configured issuer.')


def _check_audience(claims: Mapping[str, Any], policy: TokenPolicy) -> None:
    if policy.audience is None:
        return
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(entry, str) for entry in listed) or policy.audience not in listed:
        raise invalid_token('The token\'s "aud" is not the configured audience.')


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A time claim in seconds since the epoch, or None where it is absent."""
    if name not in claims:
        return None
    value = claims[name]
    if type(value) not in (int, float) or not 0 <= value <= TIME_MAX_S:
        raise invalid_token(f'The token\'s "{name}" must be a number of seconds since the epoch.')
    return float(value)


def is_claim_text(value: object) -> TypeGuard[str]:
    """Whether a value can be a user id; the same rule holds for token ids and plans."""
    return user_id_problem(value) is None


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    if name not in claims:
        return None
    value = claims[name]
    if not is_claim_text(value):
        raise invalid_token(
            f'The token\'s "{name}" must be a text of 1..{USER_ID_MAX_CHARACTERS} characters '
            "without control characters."
        )
    return value


def _plan(value: object) -> str | None:
    """The plan, or None for an unusable value: it only selects limits, so it is no error."""
    if is_claim_text(value) and len(value) <= PLAN_MAX_CHARACTERS:
        return value
    return None


def _scopes(value: object) -> frozenset[str]:
    entries = value.split(" ") if isinstance(value, str) else value
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise invalid_token('The token\'s "scope" must be a text or a list of texts.')
    return frozenset(entry for entry in entries if entry)


def check_times(claims: TokenClaims, policy: TokenPolicy, *, now: float) -> None:
    """Check that verified claims are valid now; call it at every use.

    Args:
        claims: from `read_claims`.
        policy: leeway and longest lifetime.
        now: wall time, seconds since the epoch.

    Raises:
        ThreadcastError: `token_expired`, `token_not_yet_valid`, or `token_invalid` for a lifetime
            that is too long.
    """
    identity = claims.identity
    if now >= identity.expires_at + policy.leeway_s:
        raise ThreadcastError("token_expired")
    starts = (claims.not_before, identity.issued_at)
    if any(start is not None and start > now + policy.leeway_s for start in starts):
        raise ThreadcastError("token_not_yet_valid")
    born_at = now if identity.issued_at is None else identity.issued_at
    if policy.lifetime_max_s is not None and (
        identity.expires_at - born_at > policy.lifetime_max_s
    ):
        raise invalid_token(f"The token must live at most {policy.lifetime_max_s:g} s.")


def accept_renewal(current: Identity, offered: Identity) -> Identity:
    """Decide whether a verified token may replace a live connection's token.

    Returns:
        The offered identity, which then replaces the current one. On an error the current one stays
        in force until its own expiry.

    Raises:
        ThreadcastError: `identity_change` for another user, `token_invalid` for a token that would
            end before the current one.
    """
    if offered.user_id != current.user_id:
        raise ThreadcastError("identity_change")
    if offered.expires_at < current.expires_at:
        raise invalid_token("The new token ends before the current one.")
    return offered

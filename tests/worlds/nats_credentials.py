"""An operator, an account and a user for a NATS server with JWT authentication."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import nkeys

_NO_LIMITS = {"subs": -1, "data": -1, "payload": -1}
_ACCOUNT_LIMITS = {
    **_NO_LIMITS,
    **{"imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1},
}
_ISSUED_AT_S = 1_763_629_200


class Signer:
    """A key holder that can sign claims about others.

    Args:
        prefix: the kind of key, one of nkeys' prefix bytes.
    """

    def __init__(self, prefix: int) -> None:
        self.seed: bytes = nkeys.encode_seed(os.urandom(32), prefix)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.name: str = self._pair.public_key.decode()

    def vouch(self, subject: str, kind: str, **claims: Any) -> str:
        """A signed JWT with the claims about `subject`."""
        header = {"typ": "JWT", "alg": "ed25519-nkey"}
        body = {
            "jti": subject,
            "iat": _ISSUED_AT_S,
            "iss": self.name,
            "name": kind,
            "sub": subject,
            "nats": {"type": kind, "version": 2, **claims},
        }
        text = f"{_encoded(json.dumps(header))}.{_encoded(json.dumps(body))}"
        return f"{text}.{_encoded(self._pair.sign(text.encode()))}"


def _encoded(part: str | bytes) -> str:
    raw = part.encode() if isinstance(part, str) else part
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed_users(credentials: Path) -> str:
    """Write a user's credentials file; the configuration of a server that accepts this user."""
    operator = Signer(nkeys.PREFIX_BYTE_OPERATOR)
    account = Signer(nkeys.PREFIX_BYTE_ACCOUNT)
    user = Signer(nkeys.PREFIX_BYTE_USER)
    of_operator = operator.vouch(operator.name, "operator")
    of_account = operator.vouch(account.name, "account", limits=_ACCOUNT_LIMITS)
    of_user = account.vouch(user.name, "user", **_NO_LIMITS, pub={}, sub={})
    credentials.write_text(
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    return (
        f"operator: {of_operator}\nresolver: MEMORY\n"
        f"resolver_preload: {{ {account.name}: {of_account} }}"
    )

"""How `threadcast check` signs in as two users: tokens, a secret, or a development server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import click

from ..check import Target
from ..client.endpoint import Endpoint
from ..testing import E2EAuthHelper
from . import exits
from .credential import (
    TOKEN_VARIABLE,
    checked_endpoint,
    minted_token,
    token_from_file,
    warn_of_option,
)

SECOND_TOKEN_VARIABLE = "THREADCAST_TOKEN_B"  # noqa: S105 - the name of a variable
SECRET_VARIABLE = "THREADCAST_JWT_SECRET"  # noqa: S105 - the name of a variable
_USERS = ("threadcast-check-a", "threadcast-check-b")
_HINT = f"set {TOKEN_VARIABLE} and {SECOND_TOKEN_VARIABLE}, or give --token-file twice"
_NO_TOKENS = f"no tokens: {_HINT}"


def target_of(
    url: str,
    *,
    tokens: Sequence[str],
    token_files: Sequence[str],
    secret: str | None,
    secret_file: str | None,
    audience: str | None,
    issuer: str | None,
) -> Target:
    """Two users' credentials: from options, files, the environment, a secret, or `/dev/token`.

    Raises:
        CommandFailed: the URL is unusable (64), or there are no two tokens to be had (77).
        click.UsageError: too many of one thing, or too few.
    """
    endpoint = checked_endpoint(url, "URL")
    auth = _auth(secret, secret_file, audience, issuer)
    given = [*tokens, *map(_read_file, token_files)]
    if tokens:
        warn_of_option("--token", f"{TOKEN_VARIABLE} and {SECOND_TOKEN_VARIABLE} or --token-file")
    if not given:
        named = [os.environ.get(name) for name in (TOKEN_VARIABLE, SECOND_TOKEN_VARIABLE)]
        given = [token for token in named if token]
    if not given and auth is None and (known := os.environ.get(SECRET_VARIABLE)):
        auth = _helper(known, SECRET_VARIABLE, audience, issuer)
    if not given and auth is not None:
        given = [auth.token(user) for user in _USERS]
    if not given:
        given = _from_development(url, endpoint)
    if len(given) != len(_USERS):
        raise click.UsageError(f"expected the tokens of two users, got {len(given)}: {_HINT}")
    return Target(url, (given[0], given[1]), auth)


def _auth(
    secret: str | None, secret_file: str | None, audience: str | None, issuer: str | None
) -> E2EAuthHelper | None:
    if secret is not None and secret_file is not None:
        raise click.UsageError("expected one of --dev-secret and --dev-secret-file")
    if secret is not None:
        warn_of_option("--dev-secret", "--dev-secret-file")
        return _helper(secret, "--dev-secret", audience, issuer)
    if secret_file is not None:
        return _helper(_read_file(secret_file), "--dev-secret-file", audience, issuer)
    return None


def _helper(secret: str, origin: str, audience: str | None, issuer: str | None) -> E2EAuthHelper:
    try:
        return E2EAuthHelper(secret=secret, audience=audience, issuer=issuer)
    except ValueError as error:
        raise exits.CommandFailed(f"{origin}: {error}", exits.NO_PERMISSION) from None


def _read_file(name: str) -> str:
    found = token_from_file(name)
    return found if isinstance(found, str) else found()


def _from_development(url: str, endpoint: Endpoint) -> list[str]:
    """Tokens of a development server on this machine.

    Raises:
        CommandFailed: it is none.
    """
    if not endpoint.loopback:
        raise exits.CommandFailed(_NO_TOKENS, exits.NO_PERMISSION)

    async def mint() -> list[str]:
        return [await minted_token(url, user, _NO_TOKENS) for user in _USERS]

    return asyncio.run(mint())

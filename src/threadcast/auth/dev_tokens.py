"""Tokens for development and tests: signed with a shared secret, minted on this machine.

In production, tokens come from an issuer. Whether minting is offered is decided by the caller: this
module only makes the token and keeps the secret's file private.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

import jwt

from ..errors import ConfigurationError
from ..ids import user_id_problem
from .identity import TIME_MAX_S
from .token_keys import UnusableKeyError, key_from_secret

SECRET_FILE_MAX_BYTES = 4_096
_SECRET_RANDOM_BYTES = 32


def mint(
    secret: str,
    user_id: str,
    *,
    now: float,
    lifetime_s: float,
    plan: str | None = None,
    scopes: Iterable[str] = (),
    audience: str | None = None,
    issuer: str | None = None,
    token_id: str | None = None,
) -> str:
    """Make an HS256 token that this server accepts.

    Args:
        secret: the server's `jwt_secret`, at least 32 bytes.
        user_id: 1..255 characters, none a control character.
        now: wall time, seconds since the epoch; becomes `iat`.
        lifetime_s: seconds above 0 until `exp`.
        plan: the claim `plan`, if any.
        scopes: the entries of `scope`, without spaces in them.
        audience: the claim `aud`, if any.
        issuer: the claim `iss`, if any.
        token_id: the claim `jti`, if any; an id from the generator.

    Raises:
        ValueError: an argument is out of bounds.
    """
    key_from_secret(secret)
    if problem := user_id_problem(user_id):
        raise ValueError(problem)
    if not 0 < lifetime_s <= TIME_MAX_S - now:
        raise ValueError(f"lifetime_s: expected seconds above 0, got {lifetime_s:g}")
    optional = {
        "plan": plan,
        "scope": " ".join(scopes) or None,
        "aud": audience,
        "iss": issuer,
        "jti": token_id,
    }
    claims: dict[str, str | float] = {"sub": user_id, "iat": now, "exp": now + lifetime_s}
    claims.update({name: value for name, value in optional.items() if value is not None})
    return jwt.encode(claims, secret, algorithm="HS256")


def load_or_make_secret(path: str | os.PathLike[str]) -> str:
    """Read the secret from a file that only its owner can read; create the file if missing.

    Two processes that start together get the same secret: the file is created atomically.

    Args:
        path: the file; its folder must exist.

    Raises:
        ConfigurationError: others can read the file, it is not a file, cannot be read or made, or
            holds no usable secret. The message names the file and never shows what is in it.
    """
    target = Path(path)
    try:
        if not target.exists():
            _make(target)
        secret = _read_private(target)
        key_from_secret(secret)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        if not os.path.lexists(target):
            reason = f"the folder {target.parent} is not there or cannot be written"
        raise ConfigurationError(f"secret file {target}: {reason}") from None
    except UnusableKeyError as error:
        raise ConfigurationError(
            f"secret file {target}: {error}; delete the file to have a new one made"
        ) from None
    return secret


def _make(target: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_SECRET_RANDOM_BYTES).hex().encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def _publish(name: str, target: Path) -> None:
    """Give the file its name, unless another process was faster."""
    try:
        os.link(name, target)
    except FileExistsError:
        return


def _read_private(target: Path) -> str:
    descriptor = os.open(target, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError(f"secret file {target}: expected a regular file")
        mode = stat.S_IMODE(status.st_mode)
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(
                f"secret file {target}: expected mode 0600, got {mode:04o}; "
                f"others may have read it: delete it, or run chmod 600 on it"
            )
        data = file.read(SECRET_FILE_MAX_BYTES + 1)
    if len(data) > SECRET_FILE_MAX_BYTES:
        raise ConfigurationError(
            f"secret file {target}: expected at most {SECRET_FILE_MAX_BYTES} bytes"
        )
    return data.decode("utf-8", "replace").strip()

"""Where the bus is and how a node signs in, read from the settings once at start.

Logs and errors show hosts and ports; never a user, a password or a token.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import nkeys

from ...errors import ConfigurationError
from ...settings import Settings

_DEFAULT_PORT = 4222
_FILE_MAX_BYTES = 65_536
_CREDENTIAL_PARTS = ("BEGIN NATS USER JWT", "BEGIN USER NKEY SEED")


@dataclass(frozen=True, slots=True)
class Server:
    """One NATS server from `bus_url`.

    Attributes:
        address: `nats://HOST:PORT`, without credentials.
        name: `HOST:PORT`, for display.
        user, password, token: the URL's credentials, if any.
        must_encrypt: nothing may be sent without TLS.
    """

    address: str
    name: str
    must_encrypt: bool
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> Server:
        """Parse one checked URL; a user without a password is a token, as in NATS."""
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        name = f"{host}:{parts.port or _DEFAULT_PORT}"
        user, password, token = _sign_in(parts)
        encrypted = parts.scheme == "tls"
        return cls(f"nats://{name}", name, encrypted, user, password, token)


@dataclass(frozen=True, slots=True)
class NatsEndpoint:
    """All servers of the bus, any of which will do, and their credentials.

    Attributes:
        servers: at least one.
        tls: for servers that ask for TLS or are required to use it.
        credentials_path: of a checked `.creds` file, or None.
    """

    servers: tuple[Server, ...]
    tls: ssl.SSLContext
    credentials_path: Path | None

    @property
    def name(self) -> str:
        """A display name."""
        return ", ".join(server.name for server in self.servers)

    @classmethod
    def of(cls, settings: Settings) -> NatsEndpoint:
        """The endpoint that the settings name; their `bus_url` is set.

        Raises:
            ConfigurationError: a file cannot be used.
        """
        servers = tuple(Server.of(url) for url in (settings.bus_url or "").split(","))
        credentials = settings.bus_credentials_file
        if credentials is not None:
            _check_credentials(Path(credentials))
        path = None if credentials is None else Path(credentials)
        return cls(servers, _tls(settings.bus_ca_file), path)


def _sign_in(parts: SplitResult) -> tuple[str | None, str | None, str | None]:
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return (user, password, None) if password is not None else (None, None, user)


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no certificate in it can be read"
        raise _unusable("bus_ca_file", ca_file, f"{why.lower()}; expected a file in PEM") from error


def _check_credentials(path: Path) -> None:
    """Check the file at start, rather than at each attempt to connect."""
    expected = "expected a NATS credentials file with a user JWT and an NKEY seed"
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_MAX_BYTES).decode("ascii")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise _unusable("bus_credentials_file", path, f"{why.lower()}; {expected}") from error
    lines = text.splitlines()
    values = [
        lines[index + 1].strip()
        for part in _CREDENTIAL_PARTS
        for index, line in enumerate(lines[:-1])
        if part in line
    ]
    if len(values) != len(_CREDENTIAL_PARTS):
        raise _unusable("bus_credentials_file", path, expected)
    try:
        nkeys.from_seed(bytearray(values[1].encode())).wipe()
    except (ValueError, nkeys.NkeysError) as error:
        problem = f"its NKEY seed cannot be used; {expected}"
        raise _unusable("bus_credentials_file", path, problem) from error


def _unusable(key: str, path: object, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{key}: cannot use {path}: {problem}", keys=(key,))

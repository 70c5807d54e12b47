"""Options of client commands: the server, and the credential."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from ..client import ClientRefused, CommandRejected, ServerUnreachable, UnusableUrl
from ..client.endpoint import Endpoint, endpoint_of
from ..client.snapshots import development_token
from . import exits
from .printing import printable

Result = TypeVar("Result")

TOKEN_VARIABLE = "THREADCAST_TOKEN"  # noqa: S105 - the name of a variable
URL_VARIABLE = "THREADCAST_URL"
DEFAULT_URL = "http://127.0.0.1:8080"
_TOKEN_FILE_MAX_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Access:
    """A server and a credential, as `connect` takes them.

    Attributes:
        url: the server's, checked.
        token: the token, or a callable that gives a fresh one.
    """

    url: str
    token: str | Callable[[], str | Awaitable[str]]


def access_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """Give a command the options `--url`, `--token`, `--token-file` and `--user`.

    Args:
        command: takes `access`, an `Access`, besides the arguments of other decorators.
    """
    url = click.option(
        "--url", default=DEFAULT_URL, envvar=URL_VARIABLE, help="Server.", show_default=True
    )
    return _with_access(command, url, f"--url or {URL_VARIABLE}")


def access_to_url(command: Callable[..., Result]) -> Callable[..., Result]:
    """As `access_options`, but the server's URL is an argument."""
    url = click.argument("url", default=DEFAULT_URL, envvar=URL_VARIABLE)
    return _with_access(command, url, f"URL or {URL_VARIABLE}")


def _with_access(
    command: Callable[..., Result],
    url_parameter: Callable[[Callable[..., Result]], Callable[..., Result]],
    url_name: str,
) -> Callable[..., Result]:

    @wraps(command)
    def signed_in(
        *args: Any,
        url: str,
        token: str | None,
        token_file: str | None,
        user: str | None,
        **kwargs: Any,
    ) -> Result:
        access = access_of(url, token=token, token_file=token_file, user=user, url_name=url_name)
        with _naming_the_url(url_name):
            return command(*args, access=access, **kwargs)

    options = (
        url_parameter,
        click.option(
            "--token",
            help=f"Token; others on this machine can see it: rather set {TOKEN_VARIABLE}, or "
            "use --token-file.",
        ),
        click.option("--token-file", metavar="FILE", help="File with a token; - reads a line."),
        click.option("--user", help="With a development server: be this user."),
    )
    decorated: Callable[..., Result] = signed_in
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def access_of(
    url: str, *, token: str | None, token_file: str | None, user: str | None, url_name: str
) -> Access:
    """Choose the credential: option, file, `THREADCAST_TOKEN`, or a development token.

    Args:
        url, token, token_file, user: as they were given.
        url_name: how the URL is given, for messages.

    Raises:
        CommandFailed: the URL is unusable (64), or there is no token (77).
        click.UsageError: more than one was given.
    """
    endpoint = checked_endpoint(url, url_name)
    if sum(given is not None for given in (token, token_file, user)) > 1:
        raise click.UsageError("expected one of --token, --token-file and --user")
    if token is not None:
        warn_of_option("--token", f"{TOKEN_VARIABLE} or --token-file -")
        return Access(url, token)
    if token_file is not None:
        return Access(url, token_from_file(token_file))
    if user is None and (named := os.environ.get(TOKEN_VARIABLE)):
        return Access(url, named)
    if not endpoint.loopback:
        text = f"no token: set {TOKEN_VARIABLE} or use --token-file"
        raise exits.CommandFailed(text, exits.NO_PERMISSION)
    return Access(url, _from_development(url, user))


def checked_endpoint(url: str, url_name: str) -> Endpoint:
    """Parse the server's URL; warns if a token would be sent in the clear.

    Raises:
        CommandFailed: the URL is unusable (64).
    """
    try:
        endpoint = endpoint_of(url)
    except UnusableUrl as error:
        text = f"{url_name}: {error.message.removeprefix('url: ')}"
        raise exits.CommandFailed(text, exits.USAGE) from None
    if not endpoint.secure and not endpoint.loopback:
        click.echo("warning: the token travels unencrypted to another machine", err=True)
    return endpoint


def warn_of_option(option: str, better: str) -> None:
    """Warn that an option's value is visible in the process list."""
    click.echo(f"warning: others on this machine can see {option}; use {better}", err=True)


async def minted_token(url: str, user: str, without: str) -> str:
    """A development server's token for a user.

    Raises:
        CommandFailed: the server is none (77); `without` says so, and what to do instead.
    """
    try:
        return await development_token(url, user)
    except CommandRejected as error:
        if error.server_code not in ("not_found", "method_not_allowed"):
            raise
        text = f"{without}; the server is not for development"
        raise exits.CommandFailed(text, exits.NO_PERMISSION) from None


def token_from_file(name: str) -> str | Callable[[], str]:
    """Read the token from a file, again for every connection, so that a newer one is used."""
    if name == "-":
        return sys.stdin.readline().strip() if sys.stdin is not None else ""
    path = Path(name)

    def read() -> str:
        with path.open("rb") as file:
            return file.read(_TOKEN_FILE_MAX_BYTES).decode("ascii", "replace").strip()

    try:
        read()
    except OSError as error:
        text = f"{name}: {error.strerror or type(error).__name__}"
        raise exits.CommandFailed(text, exits.NO_PERMISSION) from None
    return read


@contextmanager
def _naming_the_url(url_name: str) -> Iterator[None]:
    """Add to connection errors how to give another URL."""
    try:
        yield
    except (ServerUnreachable, ClientRefused) as error:
        answered = isinstance(error, ServerUnreachable) and error.answered
        if error.code != "unavailable" or answered:
            raise
        text = f"{error.message}; {url_name} names another one"
        raise exits.CommandFailed(text, exits.status_of(error)) from error


def _from_development(url: str, named: str | None) -> Callable[[], Awaitable[str]]:
    user = named or _login_name()
    told = named is not None

    async def mint() -> str:
        nonlocal told
        token = await minted_token(url, user, f"no token: set {TOKEN_VARIABLE}")
        if not told:
            told = True
            who = f"signed in as {printable(user)}, this machine's user"
            click.echo(f"[{who}; --user names another one]", err=True)
        return token

    return mint


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "me"

"""`threadcast token`: a token for development, signed with a secret on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import click

from ..auth.dev_tokens import load_or_make_secret, mint
from ..auth.identity import Scope
from ..clock import SystemClock
from ..errors import ConfigurationError
from ..ids import UnifiedIdGenerator, user_id_problem
from ..settings import Settings, dev_secret_path
from ..settings.forms import quoted
from ..settings.sources import read_settings
from . import exits
from .options import config_option

_SCOPES: tuple[str, ...] = get_args(Scope)
_SCALE_S = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_LIFETIME_MAX_S = 366 * 86_400


def read_lifetime(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    """Seconds, written as `90s`, `15min`, `1h` or `7d`, up to 366 days.

    Raises:
        click.BadParameter: it is written otherwise.
    """
    text = text.strip().lower()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    scale_s = _SCALE_S.get(text[len(number) :].strip())
    if scale_s is None or not number.isascii() or not number.isdigit() or len(number) > 9:
        raise click.BadParameter(f"expected a time such as 15min, 1h or 7d, got {quoted(text)}")
    lifetime_s = int(number) * scale_s
    if not 0 < lifetime_s <= _LIFETIME_MAX_S:
        raise click.BadParameter(f"expected a time above 0 and up to 366d, got {quoted(text)}")
    return float(lifetime_s)


def read_scopes(
    _context: click.Context, _parameter: click.Parameter, scopes: tuple[str, ...]
) -> tuple[str, ...]:
    """The scopes, each one word: a token holds them with spaces between.

    Raises:
        click.BadParameter: one is empty or several words.
    """
    for scope in scopes:
        if scope.split() != [scope]:
            raise click.BadParameter("expected one word; give the option once for each scope")
    return tuple(dict.fromkeys(scopes))


@click.command("token")
@click.argument("user")
@click.option("--database", metavar="URL", help="The server's database; its secret is beside it.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="File with the secret.")
@click.option(
    "--lifetime",
    "lifetime_s",
    callback=read_lifetime,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="How long it is good for: 15min, 1h, 7d.",
)
@click.option("--plan", metavar="NAME", help="The user's plan.")
@click.option(
    "--scope",
    "scopes",
    callback=read_scopes,
    multiple=True,
    metavar="SCOPE",
    help="What else it may do: metrics reads /metrics from elsewhere, ops looks and acts as an "
    "operator (with content: reads texts, too), ingest appends events for users. Repeatable.",
)
@config_option
def command(
    user: str,
    database: str | None,
    secret_file: Path | None,
    lifetime_s: float,
    plan: str | None,
    scopes: tuple[str, ...],
    config_path: Path | None,
) -> None:
    """Print a token for USER, for development.

    It is signed with THREADCAST_JWT_SECRET, or with the secret that `serve --dev` keeps next to its
    database.
    """
    if problem := user_id_problem(user):
        raise click.UsageError(problem)
    settings = read_settings({"database_url": database}, os.environ, config_path).settings
    token = mint(
        _secret(settings, secret_file),
        user,
        now=SystemClock().now(),
        lifetime_s=lifetime_s,
        plan=plan,
        scopes=scopes,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        token_id=UnifiedIdGenerator.generate_base_id("token"),
    )
    click.echo(token)
    for scope in scopes:
        if scope not in _SCOPES:
            asked = f"it asks for {', '.join(_SCOPES)}"
            click.echo(f"warning: Threadcast asks for no scope {quoted(scope)}; {asked}", err=True)


def _secret(settings: Settings, secret_file: Path | None) -> str:
    if secret_file is None and settings.jwt_secret is not None:
        return settings.jwt_secret
    if secret_file is None and (settings.jwt_public_key or settings.jwt_jwks_url):
        raise ConfigurationError("this server's tokens come from its issuer; none can be made here")
    path = secret_file or dev_secret_path(settings)
    if not path.exists():
        text = f"secret file {path}: there is none; start `threadcast serve --dev` first"
        raise exits.CommandFailed(f"{text}, or set THREADCAST_JWT_SECRET", exits.CONFIGURATION)
    return load_or_make_secret(path)

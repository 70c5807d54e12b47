"""`threadcast check`: tries a live deployment's promises as two of its users."""

from __future__ import annotations

import asyncio
import os
from typing import Any, BinaryIO

import click

from ..check import PROMISES, CheckOptions, Outcome, Promise, Report, promises_named, run_check
from ..check.options import CONNECTIONS_MAX, LEEWAY_MAX_S, TIME_FACTOR_MAX
from ..check.scene import SameUser
from . import exits
from .check_access import SECOND_TOKEN_VARIABLE, SECRET_VARIABLE, target_of
from .check_report import (
    json_text,
    junit_bytes,
    may_colour,
    promises_text,
    summary_text,
    verdict_text,
)
from .credential import DEFAULT_URL, TOKEN_VARIABLE, URL_VARIABLE
from .printing import printable, width_columns

_DEFAULTS = CheckOptions()


@click.command("check")
@click.argument("url", default=DEFAULT_URL, envvar=URL_VARIABLE)
@click.option(
    "--token",
    "tokens",
    multiple=True,
    help="Token of a user; give it for two users. Others on this machine can see it: rather set "
    f"{TOKEN_VARIABLE} and {SECOND_TOKEN_VARIABLE}, or use --token-file.",
)
@click.option(
    "--token-file",
    "token_files",
    multiple=True,
    metavar="FILE",
    help="File with the token of a user; give it for two users. - reads a line.",
)
@click.option(
    "--dev-secret",
    "secret",
    metavar="SECRET",
    help="The server's shared secret, to make tokens with; others on this machine can see it. "
    f"Without tokens, {SECRET_VARIABLE} counts too.",
)
@click.option("--dev-secret-file", "secret_file", metavar="FILE", help="File with that secret.")
@click.option("--audience", help="What aud is in tokens that are made here.")
@click.option("--issuer", help="What iss is in tokens that are made here.")
@click.option(
    "--message",
    default=_DEFAULTS.message,
    help="What makes the agent think and use a tool.",
    show_default=True,
)
@click.option(
    "--long-message",
    default=_DEFAULTS.long_message,
    help="What keeps the agent busy for some seconds.",
    show_default=True,
)
@click.option("--agent", help="The agent that is asked.  [default: the server's]")
@click.option(
    "--connections",
    type=click.IntRange(1, CONNECTIONS_MAX),
    default=_DEFAULTS.connections,
    help="Connects under way at once.",
    show_default=True,
)
@click.option(
    "--leeway",
    "leeway_s",
    type=click.FloatRange(0, LEEWAY_MAX_S),
    default=_DEFAULTS.leeway_s,
    metavar="SECONDS",
    help="The server's jwt_leeway_s.",
    show_default=True,
)
@click.option(
    "--time-factor",
    type=click.FloatRange(1, TIME_FACTOR_MAX),
    default=_DEFAULTS.time_factor,
    metavar="N",
    help="Make the bars of time wider, for a check from far away.",
    show_default=True,
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1, 3_600),
    default=_DEFAULTS.timeout_s,
    metavar="SECONDS",
    help="For everything.",
    show_default=True,
)
@click.option("--seed", type=int, default=0, help="Of the cursors that are resumed from.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this promise. Repeatable.")
@click.option("--list", "listing", is_flag=True, help="List the promises and try none.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--junit", type=click.File("wb", lazy=False), metavar="FILE", help="Write a JUnit file, too."
)
def command(
    url: str,
    only: tuple[str, ...],
    listing: bool,
    as_json: bool,
    junit: BinaryIO | None,
    **given: Any,
) -> None:
    """Test the promises of the deployment at URL, as two of its users.

    It is safe for production: its work is bounded, its threads are called "threadcast check", and
    it deletes them at the end. Exit 1 if a promise is broken.
    """
    try:
        promises = promises_named(only)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if listing:
        click.echo(promises_text(PROMISES, width_columns()))
        return
    report = _check(url, promises, as_json=as_json, given=given)
    if as_json:
        click.echo(json_text(report))
    else:
        click.echo(summary_text(report, width_columns()))
    if junit is not None:
        junit.write(junit_bytes(report))
    _conclude(report)


def _check(
    url: str, promises: tuple[Promise, ...], *, as_json: bool, given: dict[str, Any]
) -> Report:
    access = ("tokens", "token_files", "secret", "secret_file", "audience", "issuer")
    target = target_of(url, **{name: given.pop(name) for name in access})
    options = CheckOptions(**given)
    width, colour = width_columns(), may_colour(os.environ)

    def show(verdict: Any) -> None:
        if not as_json:
            click.echo(verdict_text(verdict, width, colour=colour), color=colour)

    try:
        return asyncio.run(run_check(target, options, promises, on_verdict=show))
    except SameUser as error:
        raise click.UsageError(error.message) from None


def _conclude(report: Report) -> None:
    """Say what is left to say, and end as the report asks.

    Raises:
        CommandFailed: a promise is broken (1), or the time was up or the server gone (69).
    """
    if report.left_behind:
        left = ", ".join(map(printable, report.left_behind))
        click.echo(f"warning: could not delete these threads of the check: {left}", err=True)
    if broken := report.having(Outcome.FAIL):
        names = ", ".join(verdict.name for verdict in broken)
        number = "1 promise" if len(broken) == 1 else f"{len(broken)} promises"
        raise exits.CommandFailed(f"{number} broken: {names}", 1)
    if report.gone:
        text = "the server went away before everything was tried"
        raise exits.CommandFailed(text, exits.UNAVAILABLE)
    if report.timed_out:
        text = "the time was up before everything was tried; --timeout gives it more"
        raise exits.CommandFailed(text, exits.UNAVAILABLE)

"""`threadcast consistency`: what a server's consistency tracker has seen."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click
import msgspec

from ..client import ClientRefused, Snapshots
from ..consistency.outline import score_text
from ..consistency.report import ConsistencyReport
from . import exits
from .credential import TOKEN_VARIABLE, Access, access_to_url
from .printing import printable

_LIMIT_MAX = 200
_OFF = (
    "the server does not track consistency, so there is nothing to tell: start it with "
    "--track-consistency"
)


@click.command("consistency")
@access_to_url
@click.option("--trace", metavar="ID", help="Only traces with this id in them, of any kind.")
@click.option(
    "--limit",
    type=click.IntRange(1, _LIMIT_MAX),
    default=50,
    show_default=True,
    metavar="N",
    help="The most traces to show.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "page_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page with a picture of every trace.",
)
def command(
    access: Access, trace: str | None, limit: int, as_json: bool, page_path: Path | None
) -> None:
    """Show whether ids stay the same from a context's creation to its cleanup, on the server URL.

    It needs a token with the scope ops, and a server that was started with --track-consistency.
    Exit 1 if violations were recorded, 78 if the server records nothing.
    """
    if as_json and page_path is not None:
        raise click.UsageError("expected one of --json and --html")
    report = asyncio.run(_read(access, trace, limit))
    if not report.analysis.recording and not report.analysis.snapshots:
        raise exits.CommandFailed(_OFF, exits.CONFIGURATION)
    if page_path is not None:
        page_path.write_text(report.html(), encoding="utf-8")
        click.echo(f"score {score_text(report.analysis)}, written to {printable(str(page_path))}")
    elif as_json:
        click.echo(json.dumps(msgspec.to_builtins(report), indent=2))
    else:
        click.echo(printable(report.text(), keep="\n"))
    if count := report.analysis.violations:
        text = f"{count} violation{'s' if count > 1 else ''} of consistency recorded"
        raise exits.CommandFailed(text, 1)


async def _read(access: Access, trace: str | None, limit: int) -> ConsistencyReport:
    async with Snapshots(access.url, access.token) as snapshots:
        try:
            return await snapshots.consistency(named=trace, limit=limit)
        except ClientRefused as error:
            if error.code != "forbidden":
                raise
            text = f"the token lacks the scope ops: set {TOKEN_VARIABLE} to one that has it"
            hint = "for development, `threadcast token NAME --scope ops` makes one"
            raise exits.CommandFailed(f"{text}; {hint}", exits.NO_PERMISSION) from None

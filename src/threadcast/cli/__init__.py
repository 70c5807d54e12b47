"""The `threadcast` program: its commands and exit statuses.

Commands are imported lazily. Every error ends here, as one line and a status.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import traceback
from collections.abc import Sequence

import click

from . import exits
from .groups import Invocation, LazyCommand, LazyGroup
from .printing import printable

PROGRAM = "threadcast"

COMMANDS = {
    "serve": LazyCommand("threadcast.cli.serve:command", "Run a server."),
    "token": LazyCommand("threadcast.cli.token:command", "Make or read a token."),
    "chat": LazyCommand("threadcast.cli.chat:command", "Talk to an agent."),
    "tail": LazyCommand("threadcast.cli.tail:command", "Print a user's events as they come."),
    "consistency": LazyCommand(
        "threadcast.cli.consistency:command", "Show whether ids stay the same on a server."
    ),
    "check": LazyCommand("threadcast.cli.check:command", "Try a deployment's promises."),
    "migrate": LazyCommand("threadcast.cli.migrate:command", "Bring a database up to date."),
    "doctor": LazyCommand("threadcast.cli.doctor:command", "Look for what is wrong here."),
    "migrate-ids": LazyCommand(
        "threadcast.cli.migrate_ids:command", "Replace the ids of an older system's threads."
    ),
    "backup": LazyCommand("threadcast.cli.backup:command", "Copy a SQLite database in use."),
    "feeds": LazyCommand(
        "threadcast.cli.feeds:command", "Have clients read all again after a restore."
    ),
    "alerts": LazyCommand("threadcast.cli.alerts:command", "Show and try the rules of alerts."),
    "audit": LazyCommand("threadcast.cli.audit:command", "Find drift in Python code."),
    "config": LazyCommand("threadcast.cli.config:command", "Show the settings and their sources."),
}
"""Each command's module has the click command in the attribute `command`."""


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    try:
        version = importlib.metadata.version(PROGRAM)
    except importlib.metadata.PackageNotFoundError:
        version = "(not installed)"
    click.echo(f"{PROGRAM} {version}")
    context.exit()


program = LazyGroup(
    PROGRAM,
    COMMANDS,
    help="The real-time backbone for multi-user AI agents.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version.",
        )
    ],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: what follows the program's name; None: those of the process.

    Returns:
        The exit status: 0, one of `exits`, or what the command itself chose.
    """
    invocation = Invocation()
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments), invocation)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
        return exits.BROKEN_PIPE
    except (KeyboardInterrupt, click.Abort):
        return exits.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the edge of the process
        return _report(error, verbose=invocation.verbose)
    return status


def _run(arguments: list[str], invocation: Invocation) -> int:
    try:
        with program.make_context(PROGRAM, arguments, obj=invocation) as context:
            program.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return exits.OK


def _report(error: Exception, *, verbose: bool) -> int:
    status = exits.status_of(error)
    if verbose and not isinstance(error, click.ClickException):
        traceback.print_exception(error)
    click.echo(f"{PROGRAM}: {printable(exits.message_of(error))}", err=True)
    return status


def _discard_stdout() -> None:
    """The reader is gone: discard buffered output, so that the interpreter exits cleanly."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

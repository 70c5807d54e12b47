"""A command group that imports a command's module only when it is called.

It lists, helps and suggests from its table, so that `--help` imports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple

import click

from ..suggestions import did_you_mean


class LazyCommand(NamedTuple):
    """Where a command is and what it is for.

    Attributes:
        target: `module:attribute`; the attribute is a click command.
        help: one line for the list of commands.
    """

    target: str
    help: str


@dataclass(slots=True)
class Invocation:
    """Options of an invocation besides its command.

    Attributes:
        verbose: show the detail of an error.
    """

    verbose: bool = False


class LazyGroup(click.Group):
    """A group over a table of lazy commands; without a command it prints its help.

    Args:
        name: the group's name.
        table: the commands by name, in the order of the help.
        help: what the group is for, one sentence.
        params: the group's own options, besides `-v`.
    """

    def __init__(
        self,
        name: str,
        table: Mapping[str, LazyCommand],
        *,
        help: str,
        params: Sequence[click.Parameter] = (),
    ) -> None:
        super().__init__(
            name,
            help=help,
            params=[*params, verbose_option()],
            callback=_help_when_alone,
            invoke_without_command=True,
            subcommand_metavar="COMMAND [ARGS]...",
        )
        self._table = dict(table)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(self._table)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; every command gets `-v`, so that it may stand at the end too."""
        if cmd_name not in self._table:
            return None
        module, _, attribute = self._table[cmd_name].target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        if not any("-v" in parameter.opts for parameter in command.params):
            command.params.append(verbose_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names.

        Raises:
            click.UsageError: there is none; the message has the nearest name.
        """
        command = self.get_command(ctx, args[0])
        if command is None:
            hint = did_you_mean(args[0], self._table)
            raise click.UsageError(f'got the unknown command "{args[0]}"{hint}', ctx)
        return args[0], command, args[1:]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self._table.items()])


@click.pass_context
def _help_when_alone(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), color=context.color)


def verbose_option() -> click.Option:
    """The option `-v`, which marks the invocation as verbose and is no argument of a command."""
    return click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Show the detail of an error.",
    )


def _remember(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    invocation = ctx.find_object(Invocation)
    if invocation is not None and value:
        invocation.verbose = True

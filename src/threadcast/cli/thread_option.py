"""The option `--thread`, validated before a server is contacted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..ids import id_kind, id_problem
from ..ids.legacy import may_be_legacy
from .printing import printable

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FORM = "thread_<word>_<milliseconds>_<count>_<8 hex digits>"
_SHOWN_MAX_CHARACTERS = 80


def thread_option(help_text: str) -> Callable[[_Command], _Command]:
    """Give a command the option `--thread` as its argument `thread_id`.

    Args:
        help_text: what the command does with the thread.
    """
    return click.option(
        "--thread", "thread_id", metavar="ID", callback=read_thread_id, help=help_text
    )


def read_thread_id(
    _context: click.Context | None, _parameter: click.Parameter | None, text: str | None
) -> str | None:
    """A thread id, or an older system's id, which the server may know.

    Raises:
        click.UsageError: it is neither; the message has the form of a thread's id.
    """
    if text is None or id_problem(text, "thread") is None or _may_be_older(text):
        return text
    kind = id_kind(text)
    came = f"a {kind} id" if kind else f'"{printable(text[:_SHOWN_MAX_CHARACTERS])}"'
    raise click.UsageError(f"--thread: got {came}, expected a thread's id, {_FORM}")


def _may_be_older(text: str) -> bool:
    return id_kind(text) is None and may_be_legacy(text)

"""Options for commands that need the server's settings: one per setting, and `--config`.

They are generated from the settings' descriptions. Secrets get none: a command line is visible to
everybody on the machine, so they come from a file or the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from ..settings import SETTINGS
from ..settings.notes import Kind, Setting
from ..settings.values import from_text

Result = TypeVar("Result")

_METAVARS = {
    Kind.TEXT: "TEXT",
    Kind.WHOLE: "N",
    Kind.NUMBER: "N",
    Kind.LIST: "TEXT[,TEXT]",
    Kind.LIMITS: "NAME=N[,NAME=N]",
    Kind.NUMBERS: "NAME=N[,NAME=N]",
}
_UNIT_METAVARS = {"s": "SECONDS", "bytes": "BYTES"}

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file.  [default: ./threadcast.toml if it exists]",
)


def settings_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """Give a command the options of all settings.

    Args:
        command: takes `overrides` (what the options said, by key, for `read_settings`) and
            `config_path`, beside what other decorators give it.
    """

    @wraps(command)
    def collected(*args: Any, **kwargs: Any) -> Result:
        overrides: dict[str, object] = {}
        for setting in _offered():
            said = kwargs.pop(setting.key)
            if said is not None and said != ():
                overrides[setting.key] = _joined(setting, said) if type(said) is tuple else said
        return command(*args, overrides=overrides, **kwargs)

    decorated: Callable[..., Result] = config_option(collected)
    for setting in reversed(_offered()):
        decorated = _option(setting)(decorated)
    return decorated


def _offered() -> list[Setting]:
    return [setting for setting in SETTINGS if not setting.note.secret]


def _option(setting: Setting) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    help_text = f"{setting.note.help}{_default(setting)}"
    if setting.kind is Kind.FLAG:
        names = f"{setting.option}/--no-{setting.option.removeprefix('--')}"
        return click.option(names, setting.key, default=None, help=help_text)
    return click.option(
        setting.option,
        setting.key,
        multiple=setting.kind is Kind.LIST,
        metavar=_metavar(setting),
        help=help_text,
    )


def _joined(setting: Setting, texts: tuple[str, ...]) -> tuple[object, ...]:
    """A list's option may be given several times, and each time hold several items."""
    parts = (from_text(setting, text) for text in texts)
    return tuple(item for part in parts if isinstance(part, tuple) for item in part)


def _metavar(setting: Setting) -> str:
    if setting.note.choices and setting.kind is Kind.TEXT:
        return "|".join(setting.note.choices)
    return _UNIT_METAVARS.get(setting.unit or "", _METAVARS[setting.kind])


def _default(setting: Setting) -> str:
    match setting.default:
        case None | bool() | tuple() | dict():
            return ""
        case value:
            return f"  [default: {value}]"

"""Exit statuses, and their mapping from errors.

The statuses are those of sysexits.h, so that a supervisor can tell "try again" from "change
something".
"""

from __future__ import annotations

import errno

import click

from ..errors import ConfigurationError, StoreInUse, ThreadcastError
from ..suggestions import nearest

OK = 0
USAGE = 64
UNAVAILABLE = 69
SOFTWARE = 70
CANNOT_CREATE = 73
NO_PERMISSION = 77
CONFIGURATION = 78
INTERRUPTED = 130
BROKEN_PIPE = 141

_OF_ERRNO = {
    errno.EACCES: NO_PERMISSION,
    errno.EPERM: NO_PERMISSION,
    errno.EADDRINUSE: CANNOT_CREATE,
    errno.EADDRNOTAVAIL: CANNOT_CREATE,
    errno.EEXIST: CANNOT_CREATE,
    errno.EISDIR: CANNOT_CREATE,
    errno.ENOENT: CANNOT_CREATE,
    errno.ENOSPC: CANNOT_CREATE,
    errno.ENOTDIR: CANNOT_CREATE,
    errno.EROFS: CANNOT_CREATE,
}
_OF_HTTP_STATUS = {
    401: NO_PERMISSION,
    403: NO_PERMISSION,
    429: UNAVAILABLE,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
    507: UNAVAILABLE,
}


class CommandFailed(Exception):
    """A command cannot do what was asked.

    Args:
        message: one line that says what to change; never a secret.
        status: one of this module's exit statuses.
    """

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


def status_of(error: BaseException) -> int:
    """The exit status for an error that ended a command; 70 for an unexpected one."""
    match error:
        case CommandFailed():
            return error.status
        case StoreInUse():
            return CANNOT_CREATE
        case ConfigurationError():
            return CONFIGURATION
        case click.UsageError():
            return USAGE
        case click.FileError():
            return CANNOT_CREATE
        case ThreadcastError():
            status = error.kind.status
            return _OF_HTTP_STATUS.get(status, USAGE if status < 500 else SOFTWARE)
        case OSError():
            return _OF_ERRNO.get(error.errno or 0, UNAVAILABLE)
        case _:
            return SOFTWARE


def message_of(error: BaseException) -> str:
    """A one-line message; an unexpected error's own text is not shown, as it may hold anything."""
    match error:
        case click.NoSuchOption():
            return f'got the unknown option "{error.option_name}"{_meant(error)}{_help_hint(error)}'
        case click.UsageError():
            return f"{error.format_message()}{_help_hint(error)}"
        case click.ClickException():
            return error.format_message()
        case ThreadcastError():
            return error.message
        case OSError() if error.strerror and error.filename:
            return f"{error.filename}: {error.strerror}"
        case CommandFailed() | ConfigurationError() | OSError():
            return str(error) or type(error).__name__
        case _:
            return f"internal error: {type(error).__name__} (-v for the detail)"


def _meant(error: click.NoSuchOption) -> str:
    """The nearest option of the command, ignoring the leading dashes."""
    options = error.ctx.command.get_params(error.ctx) if error.ctx else []
    names = [name for option in options for name in (*option.opts, *option.secondary_opts)]
    words = [name.removeprefix("--") for name in names if name.startswith("--")]
    meant = nearest(error.option_name.lstrip("-"), words)
    return f', did you mean "--{meant}"?' if meant else ""


def _help_hint(error: click.UsageError) -> str:
    return f' (see "{error.ctx.command_path} --help")' if error.ctx else ""

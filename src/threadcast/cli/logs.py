"""How a server process logs: one line a record, with nothing in it that a terminal obeys."""

from __future__ import annotations

import logging
import sys

from .printing import printable

_FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"
_LIBRARIES = ("uvicorn", "asyncio", "httpx2", "httpcore2", "openai")


class EscapingFormatter(logging.Formatter):
    """Escapes the message; a stack trace keeps its lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        return printable(super().format(record), keep="\n" if record.exc_info else "")


def configure_logging(level: str) -> None:
    """Send this process' log to standard error.

    Args:
        level: debug, info, warning or error; libraries below say only warnings and worse.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EscapingFormatter(_FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)

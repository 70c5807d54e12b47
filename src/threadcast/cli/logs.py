"""Logging of a server process: one line per record, without terminal control characters.

Each line names the run, or else the request, or `-`.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal

from ..correlation import CorrelationFilter
from .printing import printable

_FORMAT = "%(asctime)s %(levelname)-8s %(name)s [%(correlation)s]: %(message)s"
_LIBRARIES = ("uvicorn", "asyncio", "httpx2", "httpcore2", "openai")


class EscapingFormatter(logging.Formatter):
    """Escapes the record; a stack trace keeps its lines, indented.

    An exception's message may be a user's text, so none of its lines may look like a record.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        return printable(super().format(record), keep="\n").replace("\n", "\n  ")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """The line without a stack trace."""
        return printable(super().formatMessage(record))


class JsonFormatter(logging.Formatter):
    """One JSON object in ASCII per record, so without terminal control characters.

    `time` is in seconds since the epoch; `request_id` and `run_id` are `-` where there is none.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        line = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", "-"),
            "run_id": getattr(record, "run_id", "-"),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line).replace("\x7f", "\\u007f")


def configure_logging(level: str, form: Literal["text", "json"] = "text") -> None:
    """Log to standard error; call it again to change level or format.

    Args:
        level: debug, info, warning or error; libraries only log warnings and worse.
        form: `text` for people, `json` for programs.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(CorrelationFilter())
    handler.setFormatter(JsonFormatter() if form == "json" else EscapingFormatter(_FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)

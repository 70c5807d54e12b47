"""A chat's output: answers on one stream, everything else on another.

Text from a server is escaped here, so that it cannot move the cursor or change colours.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from .printing import printable

DIM, BOLD, RED = "2", "1", "31"


class Screen:
    """A terminal, a pipe or nothing.

    Args:
        out: the stream of the conversation; None if closed.
        notices: the stream of connection messages and, without a person, of everything except
            answers; None if closed.
        environ: `NO_COLOR` and `TERM` are looked at.
        typed: whether a person types the messages.

    Attributes:
        interactive: whether a person types and watches.
        prompted: whether the last thing written is a prompt.
    """

    def __init__(
        self,
        out: TextIO | None,
        notices: TextIO | None,
        environ: Mapping[str, str] = os.environ,
        *,
        typed: bool = True,
    ) -> None:
        self._out = out
        self._notices = notices
        self._on_terminal = out is not None and out.isatty()
        self.interactive = self._on_terminal and typed
        plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
        self._styled = self._on_terminal and not plain
        self._open = False
        self.prompted = False
        for stream in (out, notices):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")

    def stream(self, text: str) -> None:
        """Write the next piece of a text; it may contain line breaks."""
        if text:
            self._leave_prompt()
            self._write(printable(text, keep="\n\t"))
            self._open = not text.endswith("\n")

    def end_line(self) -> None:
        """End the line, if one has begun."""
        self.prompted = False
        if self._open:
            self._write("\n")
            self._open = False

    def line(self, text: str, style: str = "") -> None:
        """A line of its own; line breaks in it are kept."""
        self.end_line()
        safe = printable(text, keep="\n\t")
        self._write(f"\x1b[{style}m{safe}\x1b[0m\n" if style and self._styled else f"{safe}\n")

    def aside(self, text: str, style: str = "") -> None:
        """Write a line that is not part of an answer; to `notices` if piped."""
        if self.interactive:
            self.line(text, style)
        else:
            self._beside(printable(text, keep="\n\t"))

    def prompt(self, text: str) -> None:
        """Show a prompt, only to a person."""
        if self.interactive:
            self.end_line()
            self._write(f"\x1b[{BOLD}m{text}\x1b[0m" if self._styled else text)
            self._open = True
        self.prompted = True

    def entered(self) -> None:
        """Note that the person ended the prompt's line."""
        if self.prompted:
            self._open = self.prompted = False

    def notice(self, text: str) -> None:
        """Write one line to `notices`, never into a piped conversation."""
        self._beside(f"[{printable(text)}]")

    def _beside(self, line: str) -> None:
        if self._on_terminal:  # which shows both streams
            self.end_line()
        if self._notices is not None:
            self._notices.write(f"{line}\n")
            self._notices.flush()

    def _leave_prompt(self) -> None:
        if self.prompted:
            self.end_line()

    def _write(self, text: str) -> None:
        if self._out is not None:
            self._out.write(text)
            self._out.flush()

"""`threadcast tail`: a user's events as JSON lines, as they come."""

from __future__ import annotations

import asyncio
import sys
import unicodedata

import click
import msgspec

from ..client import ClientState, Event, Phase, Reset, connect
from .credential import Access, access_options
from .output_watch import ended_with_its_reader
from .printing import printable
from .thread_option import thread_option

_UNSAFE = frozenset({"Cc", "Cf", "Zl", "Zp"})


@click.command("tail")
@access_options
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Begin after it; 0: all.")
@click.option("--feed", metavar="ID", help="The feed that SEQ belongs to.")
@thread_option("Only this thread.")
def command(access: Access, after: int | None, feed: str | None, thread_id: str | None) -> None:
    """Print the events of the token's user, one JSON object per line, until Ctrl-C.

    Without --after, only new events.
    """
    asyncio.run(_follow(access, after, feed, thread_id))


async def _follow(
    access: Access, after: int | None, feed: str | None, thread_id: str | None
) -> None:
    client = connect(
        access.url,
        access.token,
        after=after,
        feed=feed,
        thread_id=thread_id,
        on_state=_show_state,
    )
    with ended_with_its_reader(sys.stdout):
        async with client:
            async for item in client:
                if isinstance(item, Reset):
                    _notice(f"reset: {item.reason}; what follows begins after {item.after}")
                else:
                    _print(safe_json(item))


def safe_json(event: Event) -> str:
    """The envelope on one line, with terminal control characters escaped losslessly."""
    text = msgspec.json.encode(event).decode()
    if text.isascii():
        return text
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE:
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _print(line: str) -> None:
    if sys.stdout is None:
        raise BrokenPipeError
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def _show_state(state: ClientState) -> None:
    if state.phase is Phase.WAITING:
        _notice(f"{state.reason}; trying again in {state.retry_in_s:.1f} s")


def _notice(text: str) -> None:
    click.echo(f"[{printable(text)}]", err=True)

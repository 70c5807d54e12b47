"""PROTOCOL.md is complete, its examples are valid, and its figures match the settings."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
import pytest

from doc_pages import ROOT, Block, blocks
from threadcast.errors import ERRORS
from threadcast.events import DATA_OF_EVENT, ConnectionEventType, Event, EventType
from threadcast.settings import Settings
from threadcast.wire.commands import COMMANDS, decode_command
from threadcast.wire.connection_data import ResetReason
from threadcast.wire.http_models import Problem

PAGE = ROOT / "PROTOCOL.md"
TEXT = PAGE.read_text(encoding="utf-8")
DEFAULTS = Settings()


@pytest.mark.parametrize(
    "words",
    [list(EventType), list(ConnectionEventType), list(COMMANDS), list(get_args(ResetReason))],
    ids=["events", "connection events", "commands", "reset reasons"],
)
def test_every_word_of_the_wire_is_named(words: list[str]) -> None:
    assert [str(word) for word in words if f"`{word}`" not in TEXT] == []


def test_every_close_code_is_named() -> None:
    codes = {kind.close for kind in ERRORS.values() if kind.close is not None}
    named = " ".join(re.findall(r"^\| ([0-9, ]+)", TEXT, re.MULTILINE))

    assert [code for code in sorted(codes) if str(code) not in named] == []


@pytest.mark.parametrize("block", list(blocks(PAGE, "json")), ids=str)
def test_an_example_is_valid(block: Block) -> None:
    example: dict[str, Any] = msgspec.json.decode(block.code)
    if "command" in example:
        decode_command(block.code)
    elif "event_type" in example:
        event = msgspec.convert(example, Event)
        msgspec.convert(event.data, DATA_OF_EVENT[EventType(event.event_type)])
    else:
        problem = msgspec.convert(example, Problem)
        assert (problem.title, problem.status) == (
            ERRORS[problem.code].text,
            ERRORS[problem.code].status,
        )


@pytest.mark.parametrize(
    "figure",
    [
        f"{DEFAULTS.message_max_bytes // 1024} KiB ("
        f"{DEFAULTS.message_before_authentication_max_bytes // 1024} KiB before authentication)",
        f"{DEFAULTS.fragments_max:,} fragments",
        f"within {DEFAULTS.partial_message_timeout_s:.0f} s, else 4408",
        f"within {DEFAULTS.authentication_timeout_s:.0f} s, else 4408",
        f"every `heartbeat_s` ({DEFAULTS.heartbeat_s:.0f} s)",
        f"({DEFAULTS.compact_after_s / 60:.0f} min by default)",
        f"leeway ({DEFAULTS.jwt_leeway_s:.0f} s by default)",
        f"{DEFAULTS.commands_per_s:.0f} per second, {DEFAULTS.commands_burst} at once",
        f"| HTTP requests of one user | {DEFAULTS.requests_per_s:.0f} per second, "
        f"{DEFAULTS.requests_burst} at once |",
        f"| unanswered commands | {DEFAULTS.commands_in_flight_max} |",
        f"| {DEFAULTS.errors_per_minute_max} in a minute |",
        f"| connections of one user | {DEFAULTS.max_connections_per_user} |",
        f"| live runs of one user | {DEFAULTS.max_runs_per_user} |",
        f"| {DEFAULTS.run_starts_per_s:.0f} per second, {DEFAULTS.run_starts_burst} at once |",
        f"| {DEFAULTS.unauthenticated_per_address} in {DEFAULTS.unauthenticated_window_s:.0f} s |",
        f"| {DEFAULTS.send_buffer_max_bytes // 1024} KiB |",
        f"| not reading at all | {DEFAULTS.stall_max_s:.0f} s |",
    ],
)
def test_a_figure_is_the_default_setting(figure: str) -> None:
    assert figure in TEXT

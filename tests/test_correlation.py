"""Which request a line of the log belongs to, also where many run at once."""

from __future__ import annotations

import asyncio
import io
import json
import logging

import pytest

from threadcast.cli.logs import EscapingFormatter, JsonFormatter, configure_logging
from threadcast.correlation import (
    CorrelationFilter,
    begin,
    brought_request_id,
    correlated,
    correlation,
    finish,
    request_id_of,
)
from threadcast.ids import UnifiedIdGenerator, id_kind

OURS = "req_http_1763629200001_7_90c65fe4"


@pytest.mark.parametrize(
    "brought",
    [
        b"",
        b"9fc55c948877",
        b"req_9fc55c948877",
        b"0b9af7d0-7a4b-4a7e-9d52-0c5e21aa90c6",
        b"thread_chat_1763629200001_7_90c65fe4",
        OURS.upper().encode(),
        OURS.encode() + b"\n",
        b"\xff" * 10,
        b"r" * 100_000,
    ],
)
def test_only_a_request_id_of_ours_is_kept(brought: bytes) -> None:
    headers = [(b"x-request-id", brought)]
    assert brought_request_id(headers) is None
    assert id_kind(request_id_of({"headers": headers})) == "request"


def test_one_of_ours_is_kept_and_two_are_none() -> None:
    one = (b"x-request-id", OURS.encode())
    assert brought_request_id([(b"host", b"a"), one]) == OURS
    assert request_id_of({"headers": [one]}) == OURS
    assert brought_request_id([one, one]) is None


async def test_requests_at_once_do_not_see_each_other() -> None:
    seen: dict[str, set[str]] = {}
    together = asyncio.Barrier(50)

    async def request(request_id: str) -> None:
        token = begin(request_id)
        names = seen.setdefault(request_id, set())
        await together.wait()
        names.add(correlation().request_id)
        async with asyncio.TaskGroup() as inside:
            inside.create_task(note(names))
        finish(token)
        assert correlation() == ("-", "-")

    async def note(names: set[str]) -> None:
        await asyncio.sleep(0)
        names.add(correlation().request_id)

    ids = [UnifiedIdGenerator.generate_base_id("req_test") for _ in range(50)]
    async with asyncio.TaskGroup() as tasks:
        for request_id in ids:
            tasks.create_task(request(request_id))
    assert seen == {request_id: {request_id} for request_id in ids}


def lines_of(formatter: logging.Formatter) -> tuple[logging.Logger, io.StringIO]:
    """A logger of its own and what it writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(CorrelationFilter())
    handler.setFormatter(formatter)
    logger = logging.Logger("threadcast.test")
    logger.addHandler(handler)
    return logger, written


def test_neither_a_message_nor_an_exception_can_write_a_line_of_its_own() -> None:
    logger, written = lines_of(EscapingFormatter("%(levelname)s %(message)s"))
    try:
        raise ValueError("no\nERROR from an exception\x1b[2J")
    except ValueError:
        logger.exception("said %s", "hi\nERROR from a message")
    first, *trace = written.getvalue().splitlines()
    assert first == r"ERROR said hi\nERROR from a message"
    assert trace[0] == "  Traceback (most recent call last):"
    assert trace[-2:] == ["  ValueError: no", r"  ERROR from an exception\x1b[2J"]


def test_a_line_names_the_run_or_else_the_request_or_nothing() -> None:
    logger, written = lines_of(EscapingFormatter("[%(correlation)s] %(message)s"))
    logger.warning("a")
    with correlated(OURS, "run_chat_1763629200001_7_90c65fe4"):
        logger.warning("b")
    token = begin(OURS)
    logger.warning("c")
    finish(token)
    assert written.getvalue().splitlines() == [
        "[-] a",
        "[run_chat_1763629200001_7_90c65fe4] b",
        f"[{OURS}] c",
    ]


def test_a_json_line_is_one_ascii_object() -> None:
    logger, written = lines_of(JsonFormatter())
    with correlated(OURS, "-"):
        try:
            raise ValueError("why")
        except ValueError:
            logger.exception("odd: %s", "\x1b[31m\x7f\u009b\u202e\ud800\n")
    line = written.getvalue()
    assert line.isascii()
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert "\x7f" not in line
    found = json.loads(line)
    assert found["message"] == "odd: \x1b[31m\x7f\u009b\u202e\ud800\n"
    assert (found["level"], found["logger"]) == ("error", "threadcast.test")
    assert (found["request_id"], found["run_id"]) == (OURS, "-")
    assert "ValueError: why" in found["exception"]


def test_the_form_of_the_log_can_be_changed() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logging("warning", "json")
        assert isinstance(root.handlers[0].formatter, JsonFormatter)
        configure_logging("debug")
        assert isinstance(root.handlers[0].formatter, EscapingFormatter)
        assert (len(root.handlers), root.level) == (1, logging.DEBUG)
    finally:
        root.handlers[:] = before
        root.setLevel(level)

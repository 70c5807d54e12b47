"""Each anomaly, built by hand, is found; a history without any is passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from threadcast.testing.checker import check
from threadcast.testing.history import (
    Asked,
    Attach,
    Begun,
    Cancelled,
    Emitted,
    Invoke,
    Left,
    Ok,
    Receive,
    Record,
    Rejected,
    Responded,
    Stored,
    TailLost,
    Unknown,
    decode_history,
    encode_record,
)

RUN = "run_chat_1_1_00000000"
OTHER = "run_chat_1_2_00000000"


def stored(seq: int, kind: str, run_id: str | None = RUN, **data: Any) -> Stored:
    return Stored("ann", seq, kind, data, run_id)


def received(
    event: Stored, *, reader: str = "r1", owner: str = "ann", first: int | None = None
) -> Receive:
    return Receive(
        "ann", reader, owner, event.seq, event.event_type, event.data, event.run_id, first
    )


JOURNAL = [
    stored(1, "message_created", client_message_id="k1", content="hello"),
    stored(2, "agent_started", agent="a", attempt=1),
    stored(3, "agent_delta", text="Hel"),
    stored(4, "agent_delta", text="lo"),
    stored(5, "agent_completed", content="Hello"),
]
SENT: list[Record] = [Invoke("ann", "k1"), Ok("ann", "k1", 1, RUN)]
ATTACHED = Attach("ann", "r1", 0, 0)
READ: list[Record] = [ATTACHED, *[received(event) for event in JOURNAL]]
MERGED = Receive("ann", "r1", "ann", 4, "agent_delta", {"text": "Hello"}, RUN, 3)
GOOD: list[Record] = [*SENT, *READ, *JOURNAL]


def without(history: list[Record], *left_out: Record) -> list[Record]:
    return [record for record in history if record not in left_out]


def kinds(history: list[Record]) -> set[str]:
    """The kinds of anomalies, found in the file's form of the history."""
    lines = b"".join(map(encode_record, history)).splitlines()
    return {anomaly.kind for anomaly in check(decode_history(lines))}


def test_a_good_history_has_no_anomaly() -> None:
    assert check(GOOD) == []


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(
            [*SENT, ATTACHED, *map(received, JOURNAL[:2]), MERGED, received(JOURNAL[4]), *JOURNAL],
            id="merged-deltas",
        ),
        pytest.param(
            [
                *SENT,
                *READ[:3],
                Attach("ann", "r1", 2, 2),
                *map(received, JOURNAL[2:]),
                *JOURNAL,
            ],
            id="resumed",
        ),
        pytest.param(
            [*SENT, *READ[:2], Attach("ann", "r1", 1, 5, reset=True), *JOURNAL], id="reset"
        ),
        pytest.param([*SENT, *READ[:2], Left("ann", "r1"), *JOURNAL], id="left"),
        pytest.param(
            [Invoke("ann", "k1"), Unknown("ann", "k1"), *SENT, *READ, *JOURNAL],
            id="unknown-and-repeated",
        ),
        pytest.param(
            [*GOOD, Invoke("ann", "k2"), Unknown("ann", "k2")], id="unknown-and-not-there"
        ),
        pytest.param([*SENT, *SENT, *READ, *JOURNAL], id="same-answer-twice"),
        pytest.param([*GOOD, Invoke("ann", "k2"), Rejected("ann", "k2", "empty")], id="rejected"),
        pytest.param([*SENT, Attach("ann", "r1", None, 5), *JOURNAL], id="at-the-head"),
    ],
)
def test_allowed_histories_have_no_anomalies(history: list[Record]) -> None:
    assert kinds(history) == set()


@pytest.mark.parametrize(
    ("kind", "history"),
    [
        pytest.param(
            "lost", [*GOOD, Invoke("ann", "k2"), Ok("ann", "k2", 6, OTHER)], id="lost-at-the-end"
        ),
        pytest.param(
            "lost", [*SENT[:1], Ok("ann", "k1", 2, RUN), *READ, *JOURNAL], id="lost-other-seq"
        ),
        pytest.param(
            "lost", [*SENT[:1], Ok("ann", "k1", 1, OTHER), *READ, *JOURNAL], id="lost-other-run"
        ),
        pytest.param("phantom", [*READ, *JOURNAL], id="phantom-message"),
        pytest.param(
            "lie",
            [Invoke("ann", "k1"), Rejected("ann", "k1", "overloaded"), *READ, *JOURNAL],
            id="lie-rejected-and-there",
        ),
        pytest.param(
            "phantom",
            [*GOOD, received(stored(6, "thread_updated", None))],
            id="phantom-delivered-and-not-stored",
        ),
        pytest.param("duplicate", [*SENT, *READ, READ[-1], *JOURNAL], id="duplicate-delivery"),
        pytest.param(
            "duplicate",
            [
                *GOOD,
                stored(6, "message_created", client_message_id="k1", content="hello"),
            ],
            id="duplicate-message",
        ),
        pytest.param(
            "duplicate", [*GOOD, Invoke("ann", "k1"), Ok("ann", "k1", 2, RUN)], id="two-answers"
        ),
        pytest.param("duplicate", [*GOOD, JOURNAL[-1]], id="duplicate-seq"),
        pytest.param("hole", without(GOOD, READ[3]), id="hole-in-reading"),
        pytest.param("hole", without(GOOD, READ[3], JOURNAL[2]), id="hole-in-the-journal"),
        pytest.param(
            "hole",
            [*SENT, *READ[:3], Attach("ann", "r1", 2, 4), *READ[5:], *JOURNAL],
            id="hole-at-the-attach",
        ),
        pytest.param(
            "hole",
            [*SENT, *READ[:3], Attach("ann", "r1", 2, 2), *READ[4:], *JOURNAL],
            id="hole-after-the-attach",
        ),
        pytest.param(
            "backwards",
            [*SENT, Attach("ann", "r1", 3, 2), *READ[3:], *JOURNAL],
            id="backwards-attach",
        ),
        pytest.param(
            "backwards",
            [*SENT, Attach("ann", "r1", 2, 2), *READ[2:], *JOURNAL],
            id="backwards-event",
        ),
        pytest.param(
            "disagreement",
            [*SENT, *READ[:3], received(stored(3, "agent_delta", text="?")), *READ[4:], *JOURNAL],
            id="disagreement-data",
        ),
        pytest.param(
            "disagreement",
            [*SENT, *READ[:3], received(stored(3, "agent_thinking")), *READ[4:], *JOURNAL],
            id="disagreement-type",
        ),
        pytest.param(
            "disagreement",
            [
                *SENT,
                *READ[:3],
                msgspec.structs.replace(MERGED, data={"text": "Hel"}),
                *READ[5:],
                *JOURNAL,
            ],
            id="disagreement-merged",
        ),
        pytest.param(
            "foreign", [*SENT, *READ, received(JOURNAL[0], owner="bob"), *JOURNAL], id="foreign"
        ),
        pytest.param(
            "after_terminal", [*GOOD, stored(6, "agent_delta", text="!")], id="afterwards"
        ),
        pytest.param("after_terminal", [*GOOD, stored(6, "agent_failed", code="x")], id="two-ends"),
        pytest.param(
            "stale_writer",
            [
                *JOURNAL[:2],
                stored(3, "agent_started", agent="a", attempt=2),
                stored(4, "agent_started", agent="a", attempt=1),
            ],
            id="stale-writer",
        ),
        pytest.param(
            "disorder",
            [
                Invoke("ann", "k2"),
                Ok("ann", "k2", 6, OTHER),
                *GOOD,
                stored(6, "message_created", OTHER, client_message_id="k2"),
            ],
            id="disorder",
        ),
        pytest.param("not_live", [*GOOD, Invoke("ann", "k2")], id="never-answered"),
        pytest.param("not_live", without(GOOD, READ[-1]), id="reader-behind"),
        pytest.param("not_live", without(GOOD, JOURNAL[-1]), id="run-without-end"),
    ],
)
def test_each_anomaly_is_found(kind: str, history: list[Record]) -> None:
    assert kind in kinds(history)


# --- several nodes: old heads, executions that do not know of each other, lost tails ---

SECOND: list[Record] = [Asked("ann", "r2"), Attach("ann", "r2", 0, 0, head=5)]
SECOND += [received(event, reader="r2") for event in JOURNAL]
FIRST_WRITER: list[Record] = [
    Begun("ann", RUN, 1, "w1"),
    Emitted("ann", RUN, "w1", "a"),
    Emitted("ann", RUN, "w1", "b"),
    Emitted("ann", RUN, "w1", "c"),
]
SECOND_WRITER: list[Record] = [
    Begun("ann", RUN, 2, "w2"),
    Emitted("ann", RUN, "w2", "d"),
    Emitted("ann", RUN, "w2", "e"),
]
STARTED = stored(1, "agent_started", agent="a", attempt=1)
END = "agent_completed"


def written(*texts: str, end: str = END) -> list[Record]:
    """A run's journal: an attempt, pieces, perhaps `>` for a second attempt, and its end."""
    events: list[Record] = [STARTED]
    for text in texts:
        seq = len(events) + 1
        again = stored(seq, "agent_started", agent="a", attempt=2)
        events.append(again if text == ">" else stored(seq, "agent_delta", text=text))
    return [*events, stored(len(events) + 1, end)]


BOTH = [*FIRST_WRITER, *SECOND_WRITER]


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([*SENT, *READ, *SECOND, *JOURNAL], id="a-second-reader"),
        pytest.param([*FIRST_WRITER, *written("a", "b", "c")], id="written"),
        pytest.param([*FIRST_WRITER, *written("a", end="agent_cancelled")], id="cut-by-a-cancel"),
        pytest.param([*BOTH, *written("a", "b", ">", "d", "e")], id="taken-over"),
        pytest.param([*BOTH, *written(">", "d", "e")], id="taken-over-at-once"),
        pytest.param([*GOOD, Cancelled("ann", RUN, "completed")], id="cancelled-too-late"),
        pytest.param([*GOOD, Cancelled("ann", RUN, "running")], id="cancel-on-its-way"),
        pytest.param([*GOOD, Responded("ann", RUN, "v", "rejected")], id="answer-refused"),
        pytest.param(
            [
                *SENT[:1],
                Ok("ann", "k1", 9, OTHER),
                *READ,
                Receive("ann", "r1", "ann", 6, "agent_delta", {"text": "gone"}, OTHER),
                TailLost("ann", 5),
                Invoke("ann", "k1"),
                Ok("ann", "k1", 1, RUN),
                Attach("ann", "r1", 6, 0, reset=True),
                *READ,
                *JOURNAL,
            ],
            id="a-tail-was-lost-and-told",
        ),
    ],
)
def test_allowed_histories_of_many_nodes_have_no_anomalies(history: list[Record]) -> None:
    assert kinds(history) == set()


@pytest.mark.parametrize(
    ("kind", "history"),
    [
        pytest.param(
            "stale_read",
            [*GOOD, Asked("ann", "r2"), Attach("ann", "r2", 0, 0, head=4), *SECOND[2:]],
            id="old-head",
        ),
        pytest.param("stale_writer", [*BOTH, *written("a", ">", "d", "b", "e")], id="old-fence"),
        pytest.param("stale_writer", [*BOTH, *written("a", ">", "b")], id="only-the-old-one"),
        pytest.param("phantom", [*FIRST_WRITER, *written("a", "z", "b", "c")], id="not-emitted"),
        pytest.param("duplicate", [*FIRST_WRITER, *written("a", "b", "b", "c")], id="twice"),
        pytest.param("disorder", [*FIRST_WRITER, *written("b", "c", "a")], id="swapped"),
        pytest.param("lost", [*FIRST_WRITER, *written("a", "c")], id="a-piece-is-missing"),
        pytest.param("lost", [*FIRST_WRITER, *written("a", "b")], id="the-last-piece-is-missing"),
        pytest.param("lie", [*GOOD, Cancelled("ann", RUN, "cancelled")], id="not-cancelled"),
        pytest.param("lost", [*GOOD, Responded("ann", RUN, "v", "ok", 3)], id="answer-not-there"),
        pytest.param(
            "lie",
            [
                Responded("ann", RUN, "v", "rejected"),
                stored(1, "input_received", value="v", input_id="i"),
            ],
            id="answer-refused-and-there",
        ),
        pytest.param(
            "disagreement",
            [*SENT, *READ, TailLost("ann", 2), Attach("ann", "r1", 5, 5), *JOURNAL],
            id="a-lost-tail-is-not-told",
        ),
        pytest.param(
            "disagreement",
            [*SENT, *READ[:-1], TailLost("ann", 2), READ[-1], *JOURNAL],
            id="live-over-a-lost-tail",
        ),
        pytest.param(
            "lost",
            [Invoke("ann", "k2"), Ok("ann", "k2", 2, OTHER), TailLost("ann", 4), *GOOD],
            id="lost-before-the-tail",
        ),
    ],
)
def test_each_anomaly_of_many_nodes_is_found(kind: str, history: list[Record]) -> None:
    assert kind in kinds(history)


def test_users_are_judged_apart() -> None:
    """The same keys and seqs of two users are no duplicates of each other."""

    def bobs(record: Record) -> Record:
        renamed = msgspec.structs.replace(record, user="bob")
        if isinstance(renamed, Receive):
            return msgspec.structs.replace(renamed, owner="bob")
        return renamed

    assert check([*GOOD, *map(bobs, GOOD)]) == []


def test_a_reader_that_disagrees_with_another_disagrees_with_the_journal() -> None:
    twisted: Callable[[Stored], Receive] = lambda event: received(  # noqa: E731
        msgspec.structs.replace(event, data={"text": "twisted"}), reader="r2"
    )
    second: list[Record] = [Attach("ann", "r2", 2, 2), *map(twisted, JOURNAL[2:])]
    assert kinds([*SENT, *READ, *second, *JOURNAL]) == {"disagreement"}

"""Rows of what runs ask people. A question is open until it is answered or expires.

It may not know who asks and who answers, nor what of that is refused.
"""

from __future__ import annotations

from typing import Any

from ...events import encode_json
from ...runs import RunStatus
from ..units import Question
from .batch import Batch

_STORE = """
INSERT INTO inputs (run, ordinal, input_id, prompt, expires_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (run, ordinal) DO UPDATE SET input_id = excluded.input_id,
prompt = excluded.prompt, expires_at = excluded.expires_at WHERE value IS NULL
"""
_ANSWER = "UPDATE inputs SET value = ?3 WHERE run = ?1 AND input_id = ?2"
_COUNT = "SELECT coalesce(max(ordinal), 0) FROM inputs WHERE run = ?"
_OPEN = "SELECT 1 FROM inputs WHERE run = ? AND value IS NULL AND expires_at > ? LIMIT 1"


def store_question(batch: Batch, run: int, question: Question) -> None:
    """Store a question; one that was asked again by a later attempt keeps its answer."""
    asked = (question.ordinal, question.input_id, question.prompt, question.expires_at)
    batch.run(_STORE, run, *asked)


def store_answer(batch: Batch, run: int, input_id: str, value: Any) -> None:
    """Store the answer to a question, if there is such a one."""
    batch.run(_ANSWER, run, input_id, encode_json(value).decode())


def count_questions(batch: Batch, run: int) -> int:
    """The ordinal of the run's last question; 0 without any."""
    row = batch.one(_COUNT, run)
    return 0 if row is None else int(row[0])


def going_on(batch: Batch, run: int) -> RunStatus:
    """How an owned run stands that goes on: it waits while one of its questions is open."""
    is_open = batch.one(_OPEN, run, batch.now)
    return RunStatus.RUNNING if is_open is None else RunStatus.WAITING

"""Rows of what runs ask people. A question is open until it is answered or expires.

Who asks says when it expires by the clock of its node. Here the database's clock counts, for
another node may answer, or go on with the run. This module may not know who asks and who answers,
nor what of that is refused.
"""

from __future__ import annotations

from typing import Any

from ...events import encode_json
from ...runs import RunStatus
from ..units import Question
from .batch import Batch
from .keys import RunKey
from .run_rows import QUESTION_OPEN_S

_STORE = """
INSERT INTO inputs (user_key, run, ordinal, input_id, prompt, expires_at, open_until)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $6::float8 - $7::float8))
ON CONFLICT (user_key, run, ordinal) DO UPDATE SET input_id = excluded.input_id,
prompt = excluded.prompt, expires_at = excluded.expires_at, open_until = excluded.open_until
WHERE inputs.value IS NULL
"""
_ANSWER = "UPDATE inputs SET value = $4 WHERE user_key = $1 AND run = $2 AND input_id = $3"
_COUNT = "SELECT coalesce(max(ordinal), 0) FROM inputs WHERE user_key = $1 AND run = $2"
_OPEN = f"""
SELECT 1 FROM inputs
WHERE user_key = $1 AND run = $2 AND value IS NULL AND {QUESTION_OPEN_S} > 0 LIMIT 1
"""  # noqa: S608 - joined from constants only


async def store_question(batch: Batch, key: RunKey, question: Question) -> None:
    """Store a question; one that was asked again by a later attempt keeps its answer."""
    asked = (question.ordinal, question.input_id, question.prompt, question.expires_at)
    await batch.run(_STORE, *key, *asked, batch.now)


async def store_answer(batch: Batch, key: RunKey, input_id: str, value: Any) -> None:
    """Store the answer to a question, if there is such a one."""
    await batch.run(_ANSWER, *key, input_id, encode_json(value).decode())


async def count_questions(batch: Batch, key: RunKey) -> int:
    """The ordinal of the run's last question; 0 without any."""
    row = await batch.one(_COUNT, *key)
    return 0 if row is None else int(row[0])


async def going_on(batch: Batch, key: RunKey) -> RunStatus:
    """How an owned run stands that goes on: it waits while one of its questions is open."""
    is_open = await batch.one(_OPEN, *key)
    return RunStatus.RUNNING if is_open is None else RunStatus.WAITING

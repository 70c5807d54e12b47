"""The seam to agents: what cannot be one is refused where it is made, not where a user meets it."""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from threadcast import Agent, ConfigurationError, Run, Settings, Threadcast, agent


async def _answer(_run: Run) -> str:
    return "yes"


async def _stream(_run: Run) -> AsyncIterator[str]:
    yield "yes"


async def _of_two(_run: Run, _other: str) -> str:
    return "yes"


def _not_async(_run: Run) -> str:
    return "yes"


@functools.wraps(_answer)
def _wrapped(run: Run) -> Any:
    return _answer(run)


@functools.wraps(_of_two)
async def _injecting(run: Run) -> str:
    return await _of_two(run, "it")


class _Callable:
    async def __call__(self, run: Run) -> str:
        return await _answer(run)

    async def answer(self, run: Run) -> str:
        return await _answer(run)


@pytest.mark.parametrize(
    "function",
    [
        _answer,
        _stream,
        _wrapped,
        _injecting,
        _Callable(),
        _Callable().answer,
        functools.partial(_of_two, _other="it"),
    ],
)
def test_what_may_be_an_agent(function: Any) -> None:
    assert agent("a-name")(function).function is function


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (_not_async, "expected an async function or an async generator function"),
        (lambda run: _answer(run), "expected an async function or an async generator function"),
        (_Callable, "expected an async function or an async generator function"),
        (_of_two, "can be called with one Run: missing a required argument: '_other'"),
        (_Callable.answer, "can be called with one Run: missing a required argument: 'run'"),
        ("answer", "takes one Run, got a str"),
        (None, "takes one Run, got a NoneType"),
    ],
)
def test_what_cannot_be_an_agent(function: Any, problem: str) -> None:
    with pytest.raises(TypeError, match=problem) as refused:
        agent("a-name")(function)
    assert "agent 'a-name'" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("", "a-z"), ("Shop", "a-z"), ("a b", "a-z"), ("é", "a-z"), ("a" * 65, "at most 64")],
)
def test_an_unusable_name(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        agent(name)(_answer)


@pytest.mark.parametrize("name", [_answer, None, 5])
def test_a_name_that_is_no_text_such_as_the_function_itself(name: Any) -> None:
    with pytest.raises(TypeError, match="expected text, as in @agent"):
        agent(name)
    with pytest.raises(TypeError, match="expected text, as in @agent"):
        Agent(name, _answer)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"on_crash": "again"}, "on_crash: expected 'retry' or 'fail', got 'again'"),
        ({"timeout_s": 0}, "timeout_s: expected more than 0 seconds, got 0"),
        ({"timeout_s": math.nan}, "timeout_s: expected more than 0 seconds, got nan"),
        ({"timeout_s": "5"}, "timeout_s: expected more than 0 seconds, got '5'"),
        ({"timeout_s": True}, "timeout_s: expected more than 0 seconds, got True"),
    ],
)
def test_unusable_options(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        agent("a-name", **options)(_answer)


@pytest.mark.parametrize(
    ("agents", "problem"),
    [
        (
            [Agent("one", _answer), Agent("one", _stream)],
            "expected each name once, got 'one' twice",
        ),
        ([_answer], r"expected an Agent \(put @agent"),
        (Agent("one", _answer), "expected a sequence of agents, got one Agent"),
    ],
)
def test_a_server_needs_agents_with_names_of_their_own(agents: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Threadcast(Settings(dev=True), agents=agents)

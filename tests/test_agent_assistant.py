"""The assistant against a real endpoint on loopback: streams, tools, retries and every bad end."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openai_server import Answer, OpenAIServer, call, delta, finish, openai_server, texts, usage
from run_recorder import RunRecorder
from threadcast.agent import Message, SearchHit
from threadcast.agents import default_agents, load_agent
from threadcast.agents.assistant import assistant_agent
from threadcast.agents.assistant_settings import AssistantSettings
from threadcast.clock import SystemClock
from threadcast.errors import ConfigurationError, ThreadcastError

SECRET = "sk-very-secret"


class Pauses:
    """Waits no time, and keeps how long it was asked to."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    async def sleep(self, wait_s: float) -> None:
        self.waited_s.append(wait_s)


async def ask(
    server: OpenAIServer, run: RunRecorder, pauses: Pauses | None = None, **settings: Any
) -> RunRecorder:
    """Let the assistant answer the run from this server."""
    told = AssistantSettings(
        api_key=SECRET, base_url=server.base_url, model="test-model", **settings
    )
    agent = assistant_agent(told, clock=SystemClock(), sleep=(pauses or Pauses()).sleep)
    outcome = agent.function(run)
    assert not hasattr(outcome, "__aiter__")
    assert await outcome is None
    return run


async def failure(
    server: OpenAIServer, run: RunRecorder, pauses: Pauses | None = None, **settings: Any
) -> str:
    """The message of the error that the run ends with: a sentence for users."""
    with pytest.raises(ThreadcastError) as caught:
        await ask(server, run, pauses, **settings)
    assert caught.value.code == "model_error"
    assert re.fullmatch(r"The model [a-z ]+\.", caught.value.message)
    return caught.value.message


# --- answers -----------------------------------------------------------------------------------


async def test_it_streams_what_the_model_streams() -> None:
    lines = [*texts("Hel", "lo ", "there 🙂"), usage(11, 3)]
    async with openai_server(Answer(lines)) as server:
        run = await ask(server, RunRecorder("hi"))
    assert run.of("agent_delta") == ["Hel", "lo ", "there 🙂"]
    assert run.kinds == ["agent_thinking", "agent_delta"]
    assert run.usage_reported == {
        "model": "test-model",
        "prompt_tokens": 11,
        "completion_tokens": 3,
        "total_tokens": 14,
    }
    request = server.requests[0]
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.json["stream"] is True
    names = [tool["function"]["name"] for tool in request.json["tools"]]
    assert names == ["calculate", "current_time", "search_history"]


async def test_the_model_reads_the_bounded_history() -> None:
    earlier = [
        Message("user", "old " * 10_000, "run_a", 1.0),
        Message("user", "What is up?", "run_b", 2.0),
        Message("assistant", "All well.", "run_b", 3.0),
    ]
    async with openai_server(Answer(texts("ok"))) as server:
        await ask(server, RunRecorder("and now?", earlier=earlier), instructions="Be kind.")
    assert server.requests[0].json["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "What is up?"},
        {"role": "assistant", "content": "All well."},
        {"role": "user", "content": "and now?"},
    ]


async def test_reasoning_is_shown_as_thinking() -> None:
    lines = [
        delta(reasoning_content="First I look at the question, word for word. "),
        delta(reasoning_content="Then I think until it is worth a line. And"),
        delta(reasoning=" so on"),
        *texts("Done."),
    ]
    async with openai_server(Answer(lines)) as server:
        run = await ask(server, RunRecorder("hi"))
    assert run.of("agent_thinking")[1:] == [
        "First I look at the question, word for word. Then I think until it is worth a line.",
        "And so on",
    ]
    assert run.kinds == ["agent_thinking", "agent_delta"]


async def test_a_cut_answer_says_so() -> None:
    async with openai_server(Answer([delta(content="Once"), finish("length")])) as server:
        run = await ask(server, RunRecorder("a story"))
    assert run.text.startswith("Once\n\n")
    assert "limit of length" in run.text


async def test_text_that_no_journal_can_hold_is_replaced() -> None:
    async with openai_server(Answer(texts("a\x00b\ud800c\ufffe"))) as server:
        run = await ask(server, RunRecorder("hi"))
    assert run.text == "a\ufffdb\ufffdc\ufffd"


# --- tools -------------------------------------------------------------------------------------


async def test_tools_are_called_from_fragments_and_answered() -> None:
    first = [
        delta(content="Let me see."),
        call(0, call_id="call_a", name="calculate"),
        call(0, arguments='{"expres'),
        call(1, call_id="call_b", name="search_history", arguments='{"text": "tea"}'),
        call(0, arguments='sion": "6 * 7"}'),
        finish("tool_calls"),
        usage(10, 5),
    ]
    hits = [SearchHit("thread_x", "green tea", 1_763_640_000.0)]
    async with openai_server(Answer(first), Answer([*texts("42."), usage(20, 2)])) as server:
        run = await ask(server, RunRecorder("6 times 7, and my tea?", hits=hits))
    assert run.kinds == [
        "agent_thinking",
        "agent_delta",
        "tool_executing",
        "tool_completed",
        "tool_executing",
        "tool_completed",
        "agent_delta",
    ]
    assert run.text == "Let me see.\n\n42."
    assert run.of("tool_completed")[0]["result"]["value"] == "42"
    assert run.usage_reported["total_tokens"] == 37
    asked, computed, found = server.requests[1].json["messages"][-3:]
    assert [tool_call["id"] for tool_call in asked["tool_calls"]] == ["call_a", "call_b"]
    assert computed["tool_call_id"] == "call_a"
    assert json.loads(computed["content"])["value"] == "42"
    assert json.loads(found["content"])["found"][0]["content"] == "green tea"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("calculate", '{"expression": "1', "not a usable JSON object"),
        ("calculate", "[1]", "not a usable JSON object"),
        ("calculate", "[" * 30_000, "not a usable JSON object"),
        ("calculate", '{"expression": "1\\u0000"}', "not a usable JSON object"),
        ("calculate", '{"a": ' + "[" * 99 + "]" * 99 + "}", "not a usable JSON object"),
        ("calculate", "\x00\ud800\ufffe", "not a usable JSON object"),
        ("calculate", '{"expression": 7}', "expected a text"),
        ("calculate", "", "expected a text"),
        ("calculate", '{"expression": "1/0"}', "division by zero"),
        ("current_time", '{"zone": "../../etc/passwd"}', "no IANA time zone"),
        ("search_history", '{"text": "a", "limit": 1000}', "limit"),
        ("rm_rf", "{}", "no such tool"),
    ],
)
async def test_a_bad_tool_call_is_told_to_the_model(name: str, arguments: str, said: str) -> None:
    first = [call(0, call_id="c", name=name, arguments=arguments), finish("tool_calls")]
    async with openai_server(Answer(first), Answer(texts("Sorry."))) as server:
        run = await ask(server, RunRecorder("hi"))
    assert run.of("tool_completed")[0]["is_error"] is True
    sent = server.requests[1].json["messages"]
    assert said in json.loads(sent[-1]["content"])["error"]
    assert isinstance(json.loads(sent[-2]["tool_calls"][0]["function"]["arguments"]), dict)
    assert run.text == "Sorry."


async def test_calls_without_index_or_id_are_kept_apart_and_named() -> None:
    fragments = [
        {"id": "a", "function": {"name": "calculate", "arguments": '{"expression": "1+1"}'}},
        {"id": "b", "function": {"name": "calculate", "arguments": '{"expression": "2+2"}'}},
    ]
    lines = [*(delta(tool_calls=[fragment]) for fragment in fragments), finish("stop")]
    nameless = [call(0, name="calculate", arguments='{"expression": "3+3"}'), finish()]
    async with openai_server(Answer(lines), Answer(nameless), Answer(texts("ok"))) as server:
        run = await ask(server, RunRecorder("hi"))
    assert [done["result"]["value"] for done in run.of("tool_completed")] == ["2", "4", "6"]
    assert server.requests[2].json["messages"][-1]["tool_call_id"].startswith("call_")


async def test_tool_rounds_end(caplog: pytest.LogCaptureFixture) -> None:
    again = Answer(
        [call(0, call_id="c", name="current_time", arguments="{}"), finish("tool_calls")]
    )
    async with openai_server(*[again] * 4) as server:
        said = await failure(server, RunRecorder("loop"), rounds_max=2)
    assert said == "The model found no answer."
    assert "used tools 2 times" in caplog.text
    choices = [request.json["tool_choice"] for request in server.requests]
    assert choices == ["auto", "auto", "none"]


# --- bad endpoints -----------------------------------------------------------------------------


async def test_a_rate_limit_is_waited_for() -> None:
    limited = Answer(status=429, headers={"retry-after": "7"})
    pauses = Pauses()
    async with openai_server(limited, Answer(status=503), Answer(texts("ok"))) as server:
        run = await ask(server, RunRecorder("hi"), pauses)
    assert run.text == "ok"
    assert pauses.waited_s[0] == 7
    assert 0.75 <= pauses.waited_s[1] <= 1
    assert run.of("agent_thinking")[1].startswith("The model is too busy at the moment. Trying")


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2015 07:28:00 GMT", "nan", "soon", "-5"])
async def test_any_retry_after_is_survived(value: str) -> None:
    limited = Answer(status=429, headers={"retry-after": value})
    pauses = Pauses()
    async with openai_server(limited, Answer(texts("ok"))) as server:
        await ask(server, RunRecorder("hi"), pauses)
    assert 0 <= pauses.waited_s[0] <= 0.5


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(status=429, headers={"retry-after": "3600"}), "limits the rate"),
        (Answer(status=429, body='{"error": {"code": "insufficient_quota"}}'), "limits the rate"),
        (Answer(status=400), "status 400"),
        (Answer(status=401, body=f'{{"error": {{"message": "bad {SECRET}"}}}}'), "credential"),
        (Answer(status=404), "no model 'test-model'"),
    ],
)
async def test_what_cannot_pass_is_not_retried(
    answer: Answer, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with openai_server(answer, Answer(texts("never"))) as server:
        await failure(server, RunRecorder("hi"))
    assert reason in caplog.text
    assert SECRET not in caplog.text
    assert len(server.requests) == 1


async def test_retries_end(caplog: pytest.LogCaptureFixture) -> None:
    pauses = Pauses()
    async with openai_server() as server:
        await failure(server, RunRecorder("hi"), pauses, retries_max=2)
    assert "status 500" in caplog.text
    assert len(server.requests) == 3
    assert len(pauses.waited_s) == 2


async def test_a_refused_connection_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    async with openai_server() as server:
        pass
    said = await failure(server, RunRecorder("hi"), retries_max=1)
    assert said == "The model cannot be reached at the moment."
    assert "connection failed" in caplog.text


@pytest.mark.parametrize(
    "broken",
    [
        Answer([], end="break"),
        Answer([delta(role="assistant")], end="break"),
        Answer(["{not json"]),
        Answer(["[" * 100_000]),
        Answer(['"text"']),
        Answer(["[1, 2]"]),
        Answer(['{"choices": "many"}']),
        Answer(['{"choices": [{"delta": {"content": 7}}]}']),
        Answer(['{"choices": [{"delta": {"tool_calls": [{"function": "f"}]}}]}']),
        Answer(['{"error": {"message": "overloaded"}}']),
        Answer([], end="silent"),
        Answer([]),
    ],
)
async def test_a_broken_stream_is_tried_again_before_any_text(broken: Answer) -> None:
    async with openai_server(broken, Answer(texts("ok"))) as server:
        run = await ask(server, RunRecorder("hi"))
    assert run.text == "ok"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "end",
    [
        Answer([delta(content="Half an ans")], end="break"),
        Answer([delta(content="Half an ans")], end="silent"),
        Answer([delta(content="Half an ans"), "{garbage"]),
        Answer([delta(content="Half an ans"), '{"error": {"message": "boom"}}']),
    ],
)
async def test_a_stream_that_breaks_after_text_fails_honestly(end: Answer) -> None:
    async with openai_server(end, Answer(texts("never"))) as server:
        run = RunRecorder("hi")
        said = await failure(server, run)
    assert said == "The model stopped in the middle of its answer."
    assert run.text == "Half an ans"
    assert len(server.requests) == 1


async def test_a_silent_endpoint_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async with openai_server(Answer([], end="hold")) as server:
        await failure(server, RunRecorder("hi"), silence_max_s=1.0, retries_max=0)
    assert "silent for 1 s" in caplog.text


async def test_no_text_is_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with openai_server(Answer([finish("content_filter")])) as server:
        said = await failure(server, RunRecorder("hi"))
    assert said == "The model gave no answer."
    assert "'content_filter'" in caplog.text


async def test_an_endless_answer_ends(caplog: pytest.LogCaptureFixture) -> None:
    flood = Answer([delta(content="x" * 50_000)] * 5)
    async with openai_server(flood) as server:
        await failure(server, RunRecorder("hi"))
    assert "200,000 characters" in caplog.text


async def test_cancelling_closes_the_connection() -> None:
    shown = asyncio.Event()

    class Watched(RunRecorder):
        async def delta(self, text: str) -> None:
            await super().delta(text)
            shown.set()

    async with openai_server(Answer([delta(content="Once")], end="hold")) as server:
        task = asyncio.create_task(ask(server, Watched("a story")))
        await asyncio.wait_for(shown.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.client_left.wait(), 10)


# --- which agent ships -------------------------------------------------------------------------


def test_the_environment_decides_which_agent_answers() -> None:
    assert [agent.name for agent in default_agents({})] == ["demo"]
    assert [agent.name for agent in default_agents({"OPENAI_API_KEY": " "})] == ["demo"]
    for key, value in {
        "OPENAI_API_KEY": SECRET,
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
    }.items():
        assert [agent.name for agent in default_agents({key: value})] == ["assistant"]


def test_settings_come_from_the_environment_and_hide_the_key() -> None:
    settings = AssistantSettings.from_environ(
        {
            "OPENAI_API_KEY": SECRET,
            "OPENAI_MODEL": "tiny",
            "THREADCAST_ASSISTANT_INSTRUCTIONS": "Be brief.",
        }
    )
    assert (settings.api_key, settings.model) == (SECRET, "tiny")
    assert settings.instructions == "Be brief."
    assert SECRET not in repr(settings)


@pytest.mark.parametrize("url", ["ftp://x/v1", "localhost:1234", "http://", "http://h:99999/", "x"])
def test_a_bad_base_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
        default_agents({"OPENAI_BASE_URL": url})


def test_a_missing_package_is_named_with_its_remedy() -> None:
    program = (
        "import sys; sys.modules['openai'] = None\n"
        "from threadcast.agents import default_agents\n"
        "assert [agent.name for agent in default_agents({})] == ['demo']\n"
        "default_agents({'OPENAI_API_KEY': 'k'})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("not installed: pip install threadcast[assistant]")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("demo", "expected 'module:name'"),
        ("", "expected 'module:name'"),
        ("a b:c", "expected 'module:name'"),
        ("no_such_module_here:agent", "there is no module 'no_such_module_here'"),
        ("json.no_such:agent", "there is no module 'json.no_such'"),
        ("json:nothing", "json has no 'nothing'"),
        ("json:dumps", "got a function"),
    ],
)
def test_an_agent_path_that_leads_nowhere_says_why(path: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_agent(path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "broken.py, line 3: ZeroDivisionError: division by zero"),
        ("@agent('b')\ndef bot(run): ...", "line 3: TypeError: agent 'b': expected an async"),
        ("agent('No')(None)", "line 3: ValueError: agent name 'No': expected a-z"),
    ],
)
def test_what_a_module_of_agents_raises_is_said_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    (tmp_path / "broken.py").write_text(f"from threadcast import agent\n\n{line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=said):
        load_agent("broken:bot")


def test_an_agent_is_loaded_by_its_path() -> None:
    assert load_agent("test_agent_assistant:SHIPPED") is SHIPPED


SHIPPED = default_agents({})[0]

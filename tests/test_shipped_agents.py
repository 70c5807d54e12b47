"""The agents that ship, executed by the real runner on a real store."""

from __future__ import annotations

from pathlib import Path

from openai_server import Answer, call, delta, finish, openai_server, texts
from runner_world import world
from threadcast.agents.assistant import assistant_agent
from threadcast.agents.assistant_settings import AssistantSettings
from threadcast.agents.demo import demo_agent


async def test_the_demonstration_shows_the_golden_path(tmp_path: Path) -> None:
    async with world(tmp_path, demo_agent(pace_s=0)) as here, here.running():
        context = await here.send("search for pancakes")
        kind, data = await here.watch.end_of(context.run_id)
        assert here.watch.types_of(context.run_id)[:4] == [
            "agent_started",
            "agent_thinking",
            "tool_executing",
            "tool_completed",
        ]
        assert kind == "agent_completed"
        assert "nothing yet" in data["content"]
        again = await here.send("search for pancakes and tell me 1/0")
        _, data = await here.watch.end_of(again.run_id)
        assert "found 1 earlier message" in data["content"]
        assert "division by zero" in data["content"]


async def test_the_assistant_answers_with_tools(tmp_path: Path) -> None:
    asks = call(0, call_id="c", name="calculate", arguments='{"expression": "6*7"}')
    async with openai_server(
        Answer([asks, finish("tool_calls")]), Answer(texts("4", "2"))
    ) as model:
        agent = assistant_agent(AssistantSettings(base_url=model.base_url, retries_max=0))
        async with world(tmp_path, agent) as here, here.running():
            context = await here.send("6 * 7?")
            kind, data = await here.watch.end_of(context.run_id)
            tools = [kind for kind in here.watch.types_of(context.run_id) if "tool" in kind]
    assert (kind, data["content"]) == ("agent_completed", "42")
    assert tools == ["tool_executing", "tool_completed"]


async def test_a_broken_stream_fails_the_run_by_its_code(tmp_path: Path) -> None:
    async with openai_server(Answer([delta(content="Half")], end="break")) as model:
        agent = assistant_agent(AssistantSettings(base_url=model.base_url))
        async with world(tmp_path, agent) as here, here.running():
            context = await here.send("hi")
            kind, data = await here.watch.end_of(context.run_id)
    assert kind == "agent_failed"
    assert data["code"] == "model_error"
    assert "in the middle of its answer" in data["message"]


async def test_a_cancelled_run_lets_the_model_go(tmp_path: Path) -> None:
    async with openai_server(Answer([delta(content="Once")], end="hold")) as model:
        agent = assistant_agent(AssistantSettings(base_url=model.base_url))
        async with world(tmp_path, agent) as here, here.running():
            context = await here.send("a story")
            await here.watch.until(lambda: "agent_delta" in here.watch.types_of(context.run_id))
            await here.cancel(context)
            kind, _ = await here.watch.end_of(context.run_id)
            await model.client_left.wait()
    assert kind == "agent_cancelled"

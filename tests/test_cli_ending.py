"""A server's process ends when it is asked to, whatever its agents do."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from server_process import serving, token


@pytest.mark.parametrize("agent", ["stubborn", "stuck"])
async def test_an_agent_that_never_ends_does_not_hold_the_process(
    tmp_path: Path, agent: str
) -> None:
    async with serving(tmp_path, agents=f"promise_agents:{agent}", DRAIN_S="0") as server:
        headers = {"authorization": f"Bearer {token('ann')}"}
        async with httpx2.AsyncClient(base_url=server.url, headers=headers) as client:
            thread = (await client.post("/v1/threads", json={})).json()["thread_id"]
            message = {"content": "go", "client_message_id": "m"}
            await client.post(f"/v1/threads/{thread}/messages", json=message)
            events: list[str] = []
            while "agent_delta" not in events:  # from here on it is inside
                answer = await client.get(f"/v1/threads/{thread}/events")
                events = [event["event_type"] for event in answer.json()["events"]]
        assert await server.terminate() == 0

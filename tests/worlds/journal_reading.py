"""Reads a user's whole journal through each entrance."""

from __future__ import annotations

import json

from live_server import Event, LiveServer, Talk


async def events_after(talk: Talk, after: int) -> list[Event]:
    """Attach after a seq without a reset, and read until `caught_up`."""
    await talk.ask("attach", after=after)
    attached = await talk.until("attached")
    assert (attached["data"]["after"], attached["data"]["reset"]) == (after, False)
    events = []
    while (event := await talk.event())["event_type"] != "caught_up":
        events.append(event)
    return events


async def streamed(live: LiveServer, user_id: str) -> list[Event]:
    """The journal as Server-Sent Events, without connection events."""
    found: list[Event] = []
    async with (
        live.http(user_id) as client,
        client.stream("GET", "/v1/events", params={"after": 0}) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                if event["event_type"] == "caught_up":
                    break
                found += [event] if "seq" in event else []
    return found

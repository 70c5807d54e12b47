"""What try_it.py does, asked of the repaired chat: users sign in, and the client is Threadcast's.

The server must run on port 8001, and THREADCAST_JWT_SECRET must be its secret.
"""

import asyncio
import os

from threadcast import E2EAuthHelper, Event, connect
from threadcast.client import Snapshots

SERVER = "http://127.0.0.1:8001"
tokens = E2EAuthHelper(secret=os.environ["THREADCAST_JWT_SECRET"])


async def ask(user):
    """Ask for a price, and wait for the end of the answer: the thread, and the last event."""
    async with connect(SERVER, tokens.token(user)) as client:
        sent = await client.send_message("what does a pear cost")
        async for event in client:
            if not isinstance(event, Event) or event.run_id != sent.run_id:
                continue  # a reset, or an event of another run
            if event.event_type == "agent_completed":
                return sent.thread_id, event
    raise RuntimeError("the client was closed before the answer had come")


async def ask_and_read_back():
    """Send a message, then read the thread that the answer names."""
    thread_id, _ = await ask("alice")
    async with Snapshots(SERVER, tokens.token("alice")) as snapshots:
        page = await snapshots.messages(thread_id)
    print("alice reads her thread back:", len(page.messages), "messages")


async def close_many_tabs():
    """Open a tab and close it, 25 times."""
    for _ in range(25):
        await ask("alice")
    print("alice opened and closed 25 tabs")


async def main():
    """All three."""
    await ask_and_read_back()
    _, event = await ask("bob")
    print("bob asks what alice has asked:", event.data["content"])
    await close_many_tabs()


asyncio.run(main())

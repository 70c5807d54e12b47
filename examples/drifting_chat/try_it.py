"""Do what users do, and say what they see. The server must run: uvicorn chat.app:app --port 8001"""

import asyncio
import json
import urllib.error
import urllib.request

from websockets.asyncio.client import connect

SERVER = "127.0.0.1:8001"


def call(method, path, body=None):
    """The status and the decoded answer of one request."""
    request = urllib.request.Request(
        f"http://{SERVER}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def ask_and_read_back():
    """Send a message, then read the thread that the answer names."""
    _, sent = call("POST", "/messages", {"user": "alice", "text": "what does a pear cost"})
    status, thread = call("GET", f"/threads/{sent['thread_id']}")
    print("alice reads her thread back:", status, thread.get("detail", "it is there"))


async def ask_on_a_socket(user):
    """The last event of an answer."""
    async with connect(f"ws://{SERVER}/ws?user={user}") as socket:
        await socket.send("what does a pear cost")
        while True:
            event = json.loads(await socket.recv())
            if "agent_completed" in event.values():
                return event


async def close_many_tabs():
    """Open a tab and close it, 25 times."""
    for number in range(1, 26):
        try:
            await ask_on_a_socket("alice")
        except Exception as error:
            print(f"alice opens tab {number}, all others are closed:", error)
            return
    print("alice opened and closed 25 tabs")


async def main():
    """All three."""
    ask_and_read_back()
    event = await ask_on_a_socket("bob")
    print("bob asks what alice has asked:", event.get("data", event)["content"])
    await close_many_tabs()


asyncio.run(main())

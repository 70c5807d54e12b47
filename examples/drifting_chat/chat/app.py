"""The routes. Run it with: uvicorn chat.app:app --port 8001"""

import time

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect

from chat import events
from chat.agent import answer
from chat.connection_manager import UnifiedConnectionManager
from chat.helpers import new_request_id, new_run_id
from chat.threads import ThreadStore
from chat.websocket_manager import create_manager, remove_manager

app = FastAPI()
store = ThreadStore()


@app.post("/messages")
def send_message(body: dict):
    user, text = body["user"], body["text"]
    thread_id = f"websocket_factory_{int(time.time() * 1000)}"
    run_id = new_run_id(user)
    stored_as = store.begin(user)
    store.add(stored_as, "user", text)
    store.add(stored_as, "assistant", answer(user, text))
    return {"thread_id": thread_id, "run_id": run_id, "request_id": new_request_id()}


@app.get("/threads/{thread_id}")
def get_thread(thread_id: str):
    thread = store.get(thread_id)
    if thread is None:
        raise HTTPException(404, "thread not found")
    return thread


@app.websocket("/ws")
async def chat(socket: WebSocket, user: str):
    thread_id = store.begin(user)
    try:
        manager = create_manager(user, thread_id)
    except RuntimeError as error:
        await socket.send_json({"type": "error", "message": str(error)})
        return
    tabs = UnifiedConnectionManager(user, thread_id)
    await socket.accept()
    await manager.connect(socket)
    await tabs.connect(socket)
    try:
        while True:
            text = await socket.receive_text()
            content = answer(user, text)
            await manager.send(events.started(user, thread_id))
            for word in content.split():
                await tabs.send(events.delta(user, thread_id, word + " "))
            await manager.send(events.completed(user, thread_id, content))
    except WebSocketDisconnect:
        await tabs.disconnect(socket)
        remove_manager(user, new_run_id(user))

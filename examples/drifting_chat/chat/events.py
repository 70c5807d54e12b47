"""What the tabs are told."""

import time


def started(user, thread_id):
    return {"type": "agent_started", "time": time.time(), "user": user, "thread": thread_id}


def delta(user, thread_id, text):
    return {
        "event_type": "agent_delta",
        "timestamp": time.time(),
        "user_id": user,
        "thread_id": thread_id,
        "data": {"text": text},
    }


def completed(user, thread_id, content):
    return {"type": "agent_completed", "time": time.time(), "user": user, "content": content}

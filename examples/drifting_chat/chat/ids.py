"""The ids of messages and runs."""

import time
import uuid


def new_run_id(user: str) -> str:
    return f"run_{user}_{uuid.uuid4().hex[:8]}"


def new_request_id() -> str:
    return "req_" + uuid.uuid4().hex[:12]


def new_session_id() -> str:
    return f"session_{int(time.time() * 1000)}"

"""The conversations, by id."""

from chat.helpers import new_session_id


class ThreadStore:
    def __init__(self):
        self.threads = {}

    def begin(self, user, thread_id=None):
        thread_id = thread_id or new_session_id()
        self.threads[thread_id] = {"user": user, "messages": []}
        return thread_id

    def add(self, thread_id, role, content):
        self.threads[thread_id]["messages"].append({"role": role, "content": content})

    def get(self, thread_id):
        return self.threads.get(thread_id)

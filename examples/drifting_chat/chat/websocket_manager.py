"""The sockets of a user's tabs. Everything new goes through `connection_manager`."""

MAX_TABS = 20

active_managers = {}


class WebSocketManager:
    def __init__(self, user, thread_id):
        self.user = user
        self.thread_id = thread_id
        self.sockets = []

    async def connect(self, socket):
        self.sockets.append(socket)

    async def disconnect(self, socket):
        self.sockets.remove(socket)

    async def send(self, event):
        for socket in self.sockets:
            await socket.send_json(event)


def create_manager(user, thread_id):
    tabs = [key for key in active_managers if key.startswith(f"{user}:")]
    if len(tabs) >= MAX_TABS:
        raise RuntimeError(f"{user} has too many tabs open")
    active_managers[f"{user}:{thread_id}"] = WebSocketManager(user, thread_id)
    return active_managers[f"{user}:{thread_id}"]


def remove_manager(user, thread_id):
    return active_managers.pop(f"{user}:{thread_id}", None)

"""The sockets of a user's tabs, written anew when the other one leaked. Half of the code uses it."""


class UnifiedConnectionManager:
    def __init__(self, user, thread_id):
        self.user = user
        self.thread_id = thread_id
        self.sockets = []

    async def connect(self, socket):
        self.sockets.append(socket)

    async def disconnect(self, socket):
        if socket in self.sockets:
            self.sockets.remove(socket)

    async def send(self, event):
        for socket in list(self.sockets):
            try:
                await socket.send_json(event)
            except Exception:
                pass

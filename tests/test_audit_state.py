"""TC601, TC602: what functions fill by user and share with everybody."""

from __future__ import annotations

import pytest

from audit_tree import codes_in

_SHARED = (
    "live = {}\ndef f(user_id, ws):\n    live[user_id] = ws",
    "from collections import defaultdict\nlive = defaultdict(list)\ndef f(thread_id, x):\n"
    "    live[thread_id] = x",
    "live: dict[str, int] = {}\ndef f(session_id):\n    live.setdefault(session_id, 0)",
    "live = set()\ndef f(connection_id):\n    live.add(connection_id)",
    "sockets = []\nasync def f(websocket):\n    sockets.append(websocket)",
    "live = dict()\ndef f(user):\n    live[user.id] = 1",
    "live = {}\ndef f(user_id, run_id):\n    live[user_id, run_id] = 1",
    "live = {}\ndef f(user_id):\n    live[f'user:{user_id}'] = 1",
    "class A:\n    live = {}\n    def f(self, user_id):\n        self.live[user_id] = 1",
    "class A:\n    live = {}\n    @classmethod\n    def f(cls, run_id):\n"
    "        cls.live[run_id] = 1",
    "from weakref import WeakValueDictionary\nlocks = WeakValueDictionary()\n"
    "def f(chat_id, lock):\n"
    "    locks[chat_id] = lock",
)
_NOT_SHARED = (
    "names = {'a': 1}\ndef f(user_id):\n    return names[user_id]",
    "live = {}\ndef f(user_id):\n    return live.get(user_id)",
    "def f(user_id):\n    live = {}\n    live[user_id] = 1",
    "live = {}\ndef f(live, user_id):\n    live[user_id] = 1",
    "class A:\n    def __init__(self):\n        self.live = {}\n    def f(self, user_id):\n"
    "        self.live[user_id] = 1",
    "class A:\n    live = {}\n    def __init__(self):\n        self.live = {}\n"
    "    def f(self, user_id):\n"
    "        self.live[user_id] = 1",
    "handlers = {}\ndef register(name, f):\n    handlers[name] = f",
    "class A(BaseModel):\n    live: dict = {}\n    def f(self, user_id):\n"
    "        self.live[user_id] = 1",
    "import threading\nlocks = {}\ndef f(thread_id):\n    locks[thread_id] = 1",
    "live = {}\nuser_id = 1\nlive[user_id] = 1",
    "from contextvars import ContextVar\nuser = ContextVar('user')\ndef f(user_id):\n"
    "    user.set(user_id)",
    "rows = []\ndef f(row):\n    rows.append(row)",
    "clients = {}\ndef f(client_key, client):\n    clients[client_key] = client",
    "waiting = {}\ndef f(request_id, future):\n    waiting[request_id] = future",
    "from collections import OrderedDict\nkept = OrderedDict()\ndef f(session_id, x):\n"
    "    kept[session_id] = x\n    if len(kept) > 9:\n        kept.popitem(last=False)",
)


@pytest.mark.parametrize("text", _SHARED)
def test_state_that_grows_by_user_is_found(text: str) -> None:
    assert codes_in(text) == ["TC601"]


@pytest.mark.parametrize("text", _NOT_SHARED)
def test_other_state_is_left_alone(text: str) -> None:
    assert codes_in(text) == []


_CACHED = (
    "from functools import lru_cache\n@lru_cache\ndef f(user_id):\n    pass",
    "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(user_id):\n    pass",
    "from functools import cache\n@cache\ndef f(thread_id):\n    pass",
    "import functools\n@functools.cache\ndef f(session_id):\n    pass",
    "import functools\n@functools.lru_cache(maxsize=100)\ndef f(a, user_id):\n    pass",
    "from functools import lru_cache\nclass A:\n    @lru_cache\n    def f(self, user_id):\n"
    "        pass",
    "from async_lru import alru_cache\n@alru_cache(maxsize=8)\nasync def f(user_id):\n    pass",
    "from functools import cache\n@cache\ndef f(*, tenant_id):\n    pass",
)
_NOT_CACHED = (
    "from functools import lru_cache\n@lru_cache\ndef f(name):\n    pass",
    "from functools import cached_property\nclass A:\n    @cached_property\n"
    "    def user_id(self):\n        pass",
    "def f(user_id):\n    pass",
    "@route('/x')\ndef f(user_id):\n    pass",
    "from cachetools import cached, TTLCache\n@cached(cache=TTLCache(9, 9))\ndef f(user_id):\n"
    "    pass",
    "from async_lru import alru_cache\n@alru_cache(ttl=5)\nasync def f(user_id):\n    pass",
    "from functools import cache\n@cache\ndef f():\n    pass",
    "@store.cache.memoize(timeout=60)\ndef f(user_id):\n    pass",
    "from functools import lru_cache\n@lru_cache\ndef f(users):\n    pass",
)


@pytest.mark.parametrize("text", _CACHED)
def test_a_function_cached_by_user_is_found(text: str) -> None:
    assert codes_in(text) == ["TC602"]


@pytest.mark.parametrize("text", _NOT_CACHED)
def test_other_functions_are_left_alone(text: str) -> None:
    assert codes_in(text) == []

"""TC101, TC102, TC103: two implementations of one thing, and what only looks like that."""

from __future__ import annotations

import pytest

from audit_tree import report_of


def class_of(name: str, methods: str, *, base: str = "", is_async: bool = False) -> str:
    """A class with these methods."""
    form = "async def" if is_async else "def"
    bodies = "".join(f"    {form} {one}(self):\n        return 1\n" for one in methods.split())
    return f"class {name}{f'({base})' if base else ''}:\n{bodies or '    pass'}\n"


MANAGER = class_of("ConnectionManager", "connect disconnect broadcast send")


def codes(first: str, second: str, more: str = "") -> list[str]:
    """What is found in two modules, the second in place of the first."""
    files = {"app/first.py": first, "app/second.py": second, "app/third.py": more}
    return [one.code for one in report_of(files).findings]


_TWICE = (
    class_of("ConnectionManager", "connect disconnect"),
    class_of("UnifiedConnectionManager", "connect disconnect broadcast"),
    class_of("EnhancedConnectionManager", "connect send"),
    class_of("ConnectionManagerV2", "connect disconnect send extra"),
    class_of("LegacyConnectionManager", "connect disconnect broadcast"),
    class_of("NewConnectionManager", "connect disconnect broadcast other"),
    class_of("DefaultConnectionManager", "connect disconnect"),
    class_of("ConnMgr", "connect disconnect broadcast"),
    class_of("UnifiedWebSocketManager", "connect disconnect broadcast"),
    class_of("SocketConnectionsManager", "connect disconnect broadcast"),
    class_of("_ConnectionManager", "connect disconnect broadcast"),
    class_of("ConnectionManagerImpl", "connect disconnect broadcast"),
)
_ONCE = (
    class_of("UserManager", "connect disconnect broadcast"),
    class_of("ConnectionManagerProtocol", "connect disconnect", base="Protocol"),
    class_of("EnhancedConnectionManager", "connect disconnect", base="ConnectionManager"),
    class_of("AsyncConnectionManager", "connect disconnect broadcast", is_async=True),
    "from app.first import ConnectionManager\n",
    class_of("BaseConnectionManager", "connect disconnect broadcast", base="ABC"),
    class_of("ConnectionManagerError", "connect disconnect", base="Exception"),
    "class BaseConnectionManager:\n    def connect(self):\n        raise NotImplementedError\n"
    "    def disconnect(self):\n        raise NotImplementedError\n",
    "def f():\n    class ConnectionManager:\n        def connect(self): ...\n"
    "        def disconnect(self): ...\n",
    class_of("Manager", "connect disconnect"),
    class_of("WebSocketManager", "listen close"),
)


@pytest.mark.parametrize("second", _TWICE)
def test_a_second_implementation_is_found(second: str) -> None:
    assert codes(MANAGER, second) == ["TC101"]


@pytest.mark.parametrize("second", _ONCE)
def test_what_is_no_second_implementation_is_left_alone(second: str) -> None:
    assert codes(MANAGER, second) == []


def test_implementations_of_one_interface_are_meant() -> None:
    base = class_of("Backend", "connect", base="ABC")
    first = class_of("SessionManager", "connect disconnect", base="Backend")
    second = class_of("SessionManagerV2", "connect disconnect", base="Backend")

    assert codes(base + first, second) == []


def test_a_derived_class_used_beside_its_base_is_found() -> None:
    second = class_of("EnhancedConnectionManager", "connect disconnect", base="ConnectionManager")
    both = "one = ConnectionManager()\nother = EnhancedConnectionManager()\n"

    assert codes(MANAGER, second, both) == ["TC101"]


def test_duplicates_in_tests_do_not_count() -> None:
    files = {"app/first.py": MANAGER, "tests/fakes.py": MANAGER}

    assert report_of(files).findings == ()


def test_the_message_names_the_first_one_and_where_it_is() -> None:
    second = class_of("EnhancedConnectionManager", "connect disconnect")
    (found,) = report_of({"app/a.py": MANAGER, "app/b.py": second}).findings

    assert found.message == (
        "`EnhancedConnectionManager` is a second implementation of `ConnectionManager`:"
        " both have `connect`, `disconnect`"
    )
    assert found.location.path == "app/b.py"
    assert [other.location.path for other in found.related] == ["app/a.py"]


_PROMISES = (
    class_of("SessionManager", "login logout"),
    class_of("SessionManagerV2", "login logout"),
    class_of("UnifiedSessionManager", "issue"),
    class_of("LegacySessionManager", ""),
    class_of("_SessionManager", "login logout"),
    class_of("SessionManagerImpl", "read write"),
    class_of("ImprovedSessionManager", "save"),
    class_of("OldSessionManager", "login open"),
)
_OTHER_PROMISES = (
    class_of("Session", "login logout"),
    class_of("SessionManagerError", "login", base="Exception"),
    class_of("UserSessionManager", "login logout"),
    class_of("SessionFactory", "login logout"),
    class_of("SessionManager", "login", base="Protocol"),
    class_of("DefaultSessionManager", "login", base="SessionManager"),
    class_of("AsyncSessionManager", "login logout", is_async=True),
    class_of("SessionManagement", "login logout"),
)
_SESSIONS = class_of("SessionManager", "open close commit rollback")


@pytest.mark.parametrize("second", _PROMISES)
def test_two_names_with_one_promise_are_found(second: str) -> None:
    assert codes(_SESSIONS, second) == ["TC102"]


@pytest.mark.parametrize("second", _OTHER_PROMISES)
def test_names_with_another_promise_are_left_alone(second: str) -> None:
    assert codes(_SESSIONS, second) == []


def test_one_name_in_two_parts_of_a_program_is_left_alone() -> None:
    other = class_of("SessionManager", "login logout")
    apart = report_of({"app/chat/live.py": _SESSIONS, "app/login/web.py": other})
    beside = report_of({"app/chat/live.py": _SESSIONS, "app/chat/web.py": other})

    assert apart.findings == ()
    assert [one.code for one in beside.findings] == ["TC102"]


def test_a_likeness_is_a_note_and_a_second_implementation_is_an_error() -> None:
    alike = report_of({"app/a.py": MANAGER, "app/b.py": _ALIKE[0]})
    second = report_of({"app/a.py": MANAGER, "app/b.py": MANAGER})

    assert not alike.fails(alike.findings)
    assert second.fails(second.findings)


_ALIKE = (
    class_of("Hub", "connect disconnect broadcast send"),
    class_of("SocketRegistry", "connect disconnect broadcast send"),
    class_of("ChatServer", "connect disconnect broadcast send extra"),
    class_of("Notifier", "connect disconnect broadcast send"),
    class_of("_Room", "connect disconnect broadcast send"),
    class_of("Live", "send connect broadcast disconnect"),
    class_of("Broadcaster", "connect disconnect broadcast send", base="Thing"),
    class_of("Peers", "connect disconnect broadcast send", base="object"),
)
_UNLIKE = (
    class_of("Hub", "connect disconnect"),
    class_of("Hub", "connect disconnect subscribe listen"),
    class_of("Hub", "connect disconnect broadcast send", base="ConnectionManager"),
    class_of("Hub", "connect disconnect broadcast send", base="Protocol"),
    class_of("Hub", "connect disconnect broadcast send", is_async=True),
    class_of("Hub", "connect disconnect broadcast send a b c d"),
    class_of("Table", "insert update delete select"),
    class_of("Poller", "register unregister modify poll"),
    class_of("Hub", "send"),
)


@pytest.mark.parametrize("second", _ALIKE)
def test_a_twin_under_another_name_is_found(second: str) -> None:
    assert codes(MANAGER, second) == ["TC103"]


@pytest.mark.parametrize("second", _UNLIKE)
def test_what_behaves_otherwise_is_left_alone(second: str) -> None:
    assert codes(MANAGER, second) == []

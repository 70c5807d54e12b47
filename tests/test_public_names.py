"""The names at the top of the package: each once, in order, there, and imported only when used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import threadcast

_NAMED_IN_THE_DOCS = {
    "Agent",
    "AsyncConnectionStateManager",
    "ConfigurationError",
    "E2EAuthHelper",
    "Event",
    "EventShapeError",
    "EventType",
    "InvalidContextError",
    "RequestScopedSessionFactory",
    "Run",
    "SSOTValidationMiddleware",
    "Settings",
    "ThreadIDConsistencyTracker",
    "ThreadRepository",
    "Threadcast",
    "ThreadcastError",
    "UnifiedIdGenerator",
    "UserExecutionContext",
    "WebSocketManager",
    "agent",
    "connect",
    "derive_thread_id_from_run_id",
    "load_settings",
    "migrate_legacy_thread_id",
    "normalize_event",
    "validate_cross_component_id_compatibility",
}


def in_a_fresh_process(code: str) -> str:
    """What a new interpreter prints that has imported nothing of ours."""
    paths = f"import sys; sys.path[:0] = {sys.path!r}; "
    done = subprocess.run(
        [sys.executable, "-c", paths + code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", sorted(_NAMED_IN_THE_DOCS))
def test_a_public_name_resolves(name: str) -> None:
    assert getattr(threadcast, name).__name__ == name


def test_every_public_name_is_listed_once_and_in_order() -> None:
    assert list(threadcast.__all__) == sorted(_NAMED_IN_THE_DOCS)
    assert set(threadcast.__all__) <= set(dir(threadcast))


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(threadcast, "nothing")  # noqa: B009 - by name, as an import does it


@pytest.mark.parametrize("first", ["threadcast.agent", "threadcast.app", "threadcast.agents"])
def test_the_decorator_is_the_decorator_whatever_was_imported_before(first: str) -> None:
    code = f"import {first}; from threadcast import agent; print(agent.__module__, agent.__name__)"

    assert in_a_fresh_process(code) == "threadcast.agent agent"


def test_importing_the_package_loads_no_server_client_or_store() -> None:
    heavy = "apsw,uvicorn,starlette,httpx2,websockets,prometheus_client,click,jwt"
    code = f"import threadcast, sys; print(sorted(set('{heavy}'.split(',')) & set(sys.modules)))"

    assert in_a_fresh_process(code) == "[]"


def test_a_star_import_gives_all_of_them() -> None:
    code = (
        "from threadcast import *; import threadcast; print(set(threadcast.__all__) <= set(dir()))"
    )

    assert in_a_fresh_process(code) == "True"

"""Threadcast: the real-time backbone for multi-user AI agents.

The public names are here, each once. All but `agent` are imported when they are first used, so that
a command or a client does not load a server. This module may not do anything else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Importing the module `agent` would put it where the decorator belongs, so the decorator comes now.
from .agent import agent

if TYPE_CHECKING:
    from .agent import Agent, Run
    from .app import Threadcast
    from .client import connect
    from .connections.state import AsyncConnectionStateManager
    from .consistency.tracker import ThreadIDConsistencyTracker
    from .context import UserExecutionContext
    from .delivery.websocket_manager import WebSocketManager
    from .errors import ConfigurationError, InvalidContextError, ThreadcastError
    from .events import Event, EventType
    from .ids import (
        UnifiedIdGenerator,
        derive_thread_id_from_run_id,
        validate_cross_component_id_compatibility,
    )
    from .ids.migrated import migrate_legacy_thread_id
    from .settings import Settings, load_settings
    from .store.session import RequestScopedSessionFactory, ThreadRepository
    from .testing import E2EAuthHelper
    from .validation.middleware import SSOTValidationMiddleware
    from .wire.normalize import EventShapeError, normalize_event

__all__ = [
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
]

_MODULE_OF_NAME = {
    "Agent": "agent",
    "AsyncConnectionStateManager": "connections.state",
    "ConfigurationError": "errors",
    "E2EAuthHelper": "testing",
    "Event": "events",
    "EventShapeError": "wire.normalize",
    "EventType": "events",
    "InvalidContextError": "errors",
    "RequestScopedSessionFactory": "store.session",
    "Run": "agent",
    "SSOTValidationMiddleware": "validation.middleware",
    "Settings": "settings",
    "ThreadIDConsistencyTracker": "consistency.tracker",
    "ThreadRepository": "store.session",
    "Threadcast": "app",
    "ThreadcastError": "errors",
    "UnifiedIdGenerator": "ids",
    "UserExecutionContext": "context",
    "WebSocketManager": "delivery.websocket_manager",
    "connect": "client",
    "derive_thread_id_from_run_id": "ids",
    "load_settings": "settings",
    "migrate_legacy_thread_id": "ids.migrated",
    "normalize_event": "wire.normalize",
    "validate_cross_component_id_compatibility": "ids",
}

if not TYPE_CHECKING:  # a type checker reads the imports above, and so knows a misspelt name

    def __getattr__(name):
        """Import a public name when it is first asked for."""
        if name not in _MODULE_OF_NAME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = importlib.import_module(f".{_MODULE_OF_NAME[name]}", __name__)
        value = globals()[name] = getattr(module, name)
        return value

    def __dir__():
        """What there is, whether it was imported already or not."""
        return sorted({*globals(), *__all__})

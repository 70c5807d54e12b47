"""The bundled agents, and loading an agent by its configured name.

`default_agents` chooses the agent when none is configured. This module knows every agent here, and
none of them knows it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from ..agent import Agent
from ..errors import ConfigurationError
from .assistant_settings import AssistantSettings
from .demo import DEMO_NAME, demo_agent

__all__ = ["DEMO_NAME", "default_agents", "load_agent"]

_MODEL_KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL")


def default_agents(environ: Mapping[str, str]) -> list[Agent]:
    """The agent that answers when none is configured.

    Args:
        environ: the environment; with OPENAI_API_KEY or OPENAI_BASE_URL it is `assistant`, which
            asks that model endpoint, else `demo`, which needs nothing.

    Raises:
        ConfigurationError: a model is configured and its package is missing, or one of the
            model's settings is unusable.
    """
    configured = [key for key in _MODEL_KEYS if environ.get(key, "").strip()]
    if not configured:
        return [demo_agent()]
    try:
        from .assistant import assistant_agent
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "openai":
            raise
        raise ConfigurationError(
            f"{configured[0]} is set, and the openai package that it needs is not installed: "
            "pip install threadcast[assistant]"
        ) from error
    return [assistant_agent(AssistantSettings.from_environ(environ))]


def load_agent(path: str) -> Agent:
    """Import an agent by `module:name`, for example `shop.agents:support`.

    The caller makes sure that the module can be imported (`sys.path`).

    Raises:
        ConfigurationError: the path does not have this form, the module cannot be imported, or
            there is no `Agent` of this name; what the module raised is the cause.
    """
    module_name, colon, name = path.partition(":")
    parts = [*module_name.split("."), *name.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise ConfigurationError(f"agent {path!r}: expected 'module:name', like 'shop.bots:helper'")
    found: object = _imported(path, module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"agent {path!r}: {module_name} has no {name!r}")
        found = getattr(found, part)
    if not isinstance(found, Agent):
        raise ConfigurationError(
            f"agent {path!r}: expected an Agent (put @agent('a-name') above the function), "
            f"got a {type(found).__name__}"
        )
    return found


def _imported(path: str, module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if module_name == missing or module_name.startswith(f"{missing}."):
            raise ConfigurationError(f"agent {path!r}: there is no module {missing!r}") from error
        raise ConfigurationError(
            f"agent {path!r}: {module_name} needs the module {missing!r}, which is not installed"
        ) from error
    except (ImportError, SyntaxError) as error:
        raise ConfigurationError(f"agent {path!r}: cannot be imported: {error}") from error
    except Exception as error:  # a module may raise anything
        kind, place = type(error).__name__, _place_of(error)
        raise ConfigurationError(f"agent {path!r}: {place}: {kind}: {error}") from error


def _place_of(error: Exception) -> str:
    """The last line outside this package that led to an error."""
    frames = extract_tb(error.__traceback__)
    own = str(Path(__file__).parents[1])
    outside = [frame for frame in frames if not frame.filename.startswith((own, "<"))]
    last = (outside or frames)[-1]
    return f"{Path(last.filename).name}, line {last.lineno}"

"""The settings: definitions (`model`), checks (`checked`), text forms (`forms`).

`live` decides which changes a running server applies, `risk_lines` lists risky values. The rest of
the program gets settings from here, whatever their source.
"""

import os
from dataclasses import replace
from typing import Any

from ..check_modes import CheckMode
from .checked import SETTINGS, Settings
from .forms import is_postgres
from .live import LiveChange, live_change
from .model import dev_secret_path, sqlite_path
from .risk_lines import risks
from .sources import read_settings

__all__ = [
    "SETTINGS",
    "CheckMode",
    "LiveChange",
    "Settings",
    "dev_secret_path",
    "is_postgres",
    "live_change",
    "load_settings",
    "read_settings",
    "risks",
    "sqlite_path",
]


def load_settings(**values: Any) -> Settings:
    """The settings that `threadcast serve` would have here, for an application with a server in it.

    Args:
        values: settings that override the environment, which overrides the file that
            THREADCAST_CONFIG names, or ./threadcast.toml if there is one.

    Raises:
        ConfigurationError: one line, `source: key: got ..., expected ...`.
    """
    read = read_settings(values, os.environ, None, source_of=lambda _: "load_settings").settings
    nothing: dict[str, Any] = {key: None for key, value in values.items() if value is None}
    return replace(read, **nothing)

"""The settings: definitions (`model`), checks (`checked`), text forms (`forms`).

`live` decides which changes a running server applies, `risk_lines` lists risky values. The rest of
the program gets settings from here, whatever their source.
"""

from ..check_modes import CheckMode
from .checked import SETTINGS, Settings
from .forms import is_postgres
from .live import LiveChange, live_change
from .model import dev_secret_path, sqlite_path
from .risk_lines import risks

__all__ = [
    "SETTINGS",
    "CheckMode",
    "LiveChange",
    "Settings",
    "dev_secret_path",
    "is_postgres",
    "live_change",
    "risks",
    "sqlite_path",
]

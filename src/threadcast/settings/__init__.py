"""Settings: what they are (`model`), which are sound (`checked`), how they are written (`forms`).

`live` says which of them a running server takes anew, `risk_lines` which are dangerous. The rest of
the program takes them from here and does not ask where they came from.
"""

from ..checks import CheckMode
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

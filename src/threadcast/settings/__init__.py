"""Settings: what they are (`model`), how they are written (`forms`, `values`), and their sources.

The rest of the program takes them from here and does not ask where they came from.
"""

from .model import SETTINGS, CheckMode, Settings, dev_secret_path, risks, sqlite_path

__all__ = ["SETTINGS", "CheckMode", "Settings", "dev_secret_path", "risks", "sqlite_path"]

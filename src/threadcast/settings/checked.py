"""`Settings`: complete and validated on construction."""

from __future__ import annotations

from dataclasses import dataclass

from .contradictions import refuse_contradictions
from .model import SettingsFields
from .notes import Setting, described_fields
from .values import as_held, check_value

__all__ = ["SETTINGS", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SettingsFields):
    """All settings of one server. Sizes are bytes, times are seconds, unless a name says other.

    A list is taken as a tuple. Variables and files are not read: `load_settings` does that.

    Raises:
        ConfigurationError: a value is out of bounds, or two values contradict each other; the
            message names the keys.
    """

    def __post_init__(self) -> None:
        for description in SETTINGS:
            value = as_held(getattr(self, description.key))
            object.__setattr__(self, description.key, value)
            check_value(description, value)
        refuse_contradictions(self)


SETTINGS: tuple[Setting, ...] = described_fields(Settings)
"""Every setting's description, in the order of the class; options and reference come from here."""

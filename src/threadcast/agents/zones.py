"""Finds the IANA time zone that a text means: `Europe/Paris`, `paris`, `in São Paulo`.

The names come from the machine's time zone database (or the `tzdata` package). This module may not
know agents or the time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from zoneinfo import available_timezones

__all__ = ["ZoneNames"]

NAME_MAX_CHARACTERS = 64
_PLACE_AREAS = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)
# Zones named like ordinary words, which a sentence uses without meaning the place.
_PLAIN_WORDS = frozenset(
    {
        "center",
        "currie",
        "davis",
        "easter",
        "mayo",
        "north",
        "south",
        "west",
        "wake",
        "yap",
        "act",
        "reunion",
    }
)
# Popular places that no zone is named after.
_FURTHER_PLACES = {
    "america/los_angeles": (
        "california",
        "san diego",
        "san francisco",
        "seattle",
        "silicon valley",
    ),
    "america/new_york": ("atlanta", "boston", "miami", "nyc", "philadelphia", "washington"),
    "america/chicago": ("austin", "dallas", "houston", "texas"),
    "america/sao_paulo": ("rio de janeiro",),
    "america/toronto": ("montreal", "ottawa"),
    "asia/dubai": ("abu dhabi",),
    "asia/kolkata": ("bangalore", "bengaluru", "chennai", "delhi", "india", "mumbai", "new delhi"),
    "asia/shanghai": ("beijing", "china", "shenzhen"),
    "asia/tokyo": ("japan", "kyoto", "osaka"),
    "europe/berlin": ("cologne", "frankfurt", "germany", "hamburg", "munich"),
    "europe/istanbul": ("ankara", "turkey"),
    "europe/london": ("edinburgh", "england", "manchester", "uk"),
    "europe/madrid": ("barcelona", "spain"),
    "europe/paris": ("france", "lyon", "marseille"),
    "europe/rome": ("italy", "milan"),
    "europe/zurich": ("bern", "geneva", "switzerland"),
}
_NAME = re.compile(r"\b[A-Za-z]+(?:/[A-Za-z_+\-0-9]+)+|\b(?:UTC|GMT)\b")
_WORD = re.compile(r"[^\W_]+(?:[-'.’][^\W_]+)*\.?")


class ZoneNames:
    """The names of all zones, loaded on first use.

    Args:
        names: the IANA names; None reads the machine's database, which touches many small files:
            call `load` from a worker thread before the first use.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self._given = None if names is None else frozenset(names)

    def load(self) -> None:
        """Read the database, once."""
        len(self._by_place)

    def named(self, name: str) -> str | None:
        """The zone of this name or city, ignoring case; None if there is none."""
        if not 1 <= len(name) <= NAME_MAX_CHARACTERS:
            return None
        wanted = name.strip().replace(" ", "_").casefold()
        return self._by_name.get(wanted) or self._by_place.get(_plain(name))

    def mentioned(self, text: str) -> str | None:
        """The zone that a sentence names, by its IANA name or its city; the longest name wins."""
        for candidate in _NAME.findall(text):
            if zone := self._by_name.get(candidate.casefold()):
                return zone
        words = [word.rstrip(".") for word in _WORD.findall(text)]
        for length in (4, 3, 2, 1):
            for start in range(len(words) - length + 1):
                place = _plain(" ".join(words[start : start + length]))
                if place not in _PLAIN_WORDS and place in self._by_place:
                    return self._by_place[place]
        return None

    @cached_property
    def _by_name(self) -> dict[str, str]:
        names = available_timezones() if self._given is None else self._given
        return {name.casefold(): name for name in sorted(names)} | {"utc": "UTC", "gmt": "GMT"}

    @cached_property
    def _by_place(self) -> dict[str, str]:
        # Sorted, so that of two zones with the same city the same one always wins.
        places = (name for name in self._by_name.values() if name.startswith(_PLACE_AREAS))
        cities = {_plain(name.rpartition("/")[2]): name for name in sorted(places, reverse=True)}
        further = {
            place: self._by_name[key]
            for key, more_places in _FURTHER_PLACES.items()
            for place in more_places
            if key in self._by_name
        }
        return further | cities


def _plain(place: str) -> str:
    """Normalised spelling: no case, no accents, no dots, single spaces."""
    letters = unicodedata.normalize("NFKD", place.replace(".", "").replace("_", " "))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(bare.split()).casefold()

"""Parses `Accept` and `Accept-Encoding` headers (RFC 9110, 12.4). Pure.

It may not know the available choices.
"""

from __future__ import annotations

import re

__all__ = ["weights_of"]

_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def weights_of(header: str) -> dict[str, float]:
    """Each choice in lower case, with its weight, 0..1.

    A choice with an invalid weight gets 0. Other parameters are ignored.
    """
    return dict(map(_weighed, header.split(",")))


def _weighed(choice: str) -> tuple[str, float]:
    name, *parameters = (part.strip(" \t").lower() for part in choice.split(";"))
    weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    return name, float(weight) if _WEIGHT.fullmatch(weight) else 0.0

"""Reads the golden vectors, which clients in other languages test against too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parents[1] / "vectors"


def vectors(name: str) -> list[Any]:
    """The vectors of one file as parameters of a test, each with its own name."""
    found = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return [pytest.param(vector, id=vector["name"]) for vector in found]

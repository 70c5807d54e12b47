"""The table of errors: every row is for something that can happen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import threadcast
from threadcast.errors import ERRORS, ThreadcastError

_SOURCE = Path(threadcast.__file__).parent
_TELLS_ONLY = frozenset({"schemas", "client"})  # they name codes and raise none of the server's


def _raising_source() -> str:
    texts = []
    for path in sorted(_SOURCE.rglob("*.py")):
        if path.relative_to(_SOURCE).parts[0] not in _TELLS_ONLY:
            texts.append(path.read_text())
    return re.sub(r'ErrorKind\(\s*"\w+"', "", "\n".join(texts))  # a row is no use of itself


RAISING = _raising_source()


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_each_code_is_used(code: str) -> None:
    assert f'"{code}"' in RAISING


@pytest.mark.parametrize("code", ["my_code", "", None, 404, ["internal"]])
def test_a_code_of_ones_own_is_refused_with_those_that_there_are(code: Any) -> None:
    with pytest.raises(ValueError, match=r"^code: expected one of bad_json, .*, got ") as caught:
        ThreadcastError(code)
    assert str(caught.value).endswith(f"internal, got {code!r}")

"""Path patterns: `*` and `?` match within a folder, `**` and a final `/` across folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
_MEANING = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matches_any(path: str, patterns: Iterable[str]) -> bool:
    """Whether a path matches one of the patterns; a folder's pattern matches all its content.

    Args:
        path: relative to the root, with `/`.
        patterns: relative to the root; `tests/` is the same as `tests/**`.
    """
    return any(_compiled(pattern).fullmatch(path) for pattern in patterns)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    whole = pattern.removeprefix("./") + ("**" if pattern.endswith("/") else "")
    parts = _PARTS.findall(whole)
    return re.compile("".join(_MEANING.get(part, re.escape(part)) for part in parts), re.DOTALL)

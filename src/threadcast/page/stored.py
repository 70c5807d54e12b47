"""A file in memory and its answers: entity tag, compression, cache headers.

Pure, except that compression runs in a thread, one at a time. It may not know which files exist.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ..wire.accept_header import weights_of

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
SUFFIXES = frozenset(_MEDIA_TYPES)
"""The kinds of files that are served; all of them are text, and worth compressing."""

_WORTH_COMPRESSING_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class _Form:
    """One representation; its tag is strong: any changed byte changes it."""

    content: bytes
    etag: str
    encoding: Mapping[str, str]


class StoredFile:
    """One file that is served from memory.

    Args:
        name: its suffix, one of `SUFFIXES`, gives the media type.
        content: the whole file.
        headers: of every answer, including `Cache-Control`.
    """

    def __init__(self, name: str, content: bytes, headers: Mapping[str, str]) -> None:
        self._media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
        self._headers = {**headers, "Vary": "Accept-Encoding"}
        self._plain = _form(content, {})
        self._packed: _Form | None = None

    async def respond(self, request: Request) -> Response:
        """The file, or 304 if the client has this version."""
        form = await self._form_for(request.headers.get("accept-encoding", ""))
        headers = {**self._headers, "ETag": form.etag}
        if _is_known(request.headers.get("if-none-match", ""), form.etag):
            return Response(status_code=304, headers=headers)
        headers |= form.encoding
        return Response(form.content, 200, headers, self._media_type)

    async def _form_for(self, accept_encoding: str) -> _Form:
        plain = self._plain
        if len(plain.content) < _WORTH_COMPRESSING_BYTES or not _takes_gzip(accept_encoding):
            return plain
        if self._packed is None:  # two requests at once both compress, to the same bytes
            packed = await asyncio.to_thread(gzip.compress, plain.content, mtime=0)
            self._packed = _form(packed, {"Content-Encoding": "gzip"})
        return self._packed


def _form(content: bytes, encoding: Mapping[str, str]) -> _Form:
    return _Form(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"', encoding)


def _is_known(if_none_match: str, etag: str) -> bool:
    """Whether the client has this version; by RFC 9110, weak tags compare equal."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` allows gzip; naming it takes precedence over `*`."""
    weights = weights_of(accept_encoding)
    return weights.get("gzip", weights.get("*", 0.0)) > 0

"""The answer to a refused request: a problem document, or a small page for browsers.

The page gives a person the reason and a link back that works under any prefix. It loads at most the
icon and runs no script. This module may not know routes or users.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from ..errors import ThreadcastError
from .answers import problem_answer, refusal_headers
from .requests import prefers_html

__all__ = ["refusal_answer"]

_NOT_FOUND = "There is nothing at this address."
_STYLE = """
:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfaf8, #14171a); --ink: light-dark(#1c2226, #e9ebec);
  --soft: light-dark(#596168, #a5adb3); --line: light-dark(#e4e0d9, #30363b);
  --accent: light-dark(#0f766e, #5ec8ba); --accent-ink: light-dark(#fff, #06201d);
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
* { box-sizing: border-box; margin: 0; }
body {
  display: grid; align-content: center; min-height: 100vh; padding: 2rem 1.5rem 12vh;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans",
    sans-serif;
}
main { width: min(100%, 34rem); margin-inline: auto; }
.brand {
  display: flex; align-items: center; gap: 0.5rem;
  color: var(--soft); font-size: 0.9375rem; font-weight: 600;
}
h1 { margin-block: 1rem 1.5rem; font-size: 1.75rem; line-height: 1.2; text-wrap: balance; }
.home {
  display: inline-block; padding: 0.5rem 1rem; border-radius: 10px;
  background: var(--accent); color: var(--accent-ink); font-weight: 520; text-decoration: none;
}
.home:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
dl {
  display: grid; grid-template-columns: auto 1fr; gap: 0.25rem 1rem;
  margin-top: 2.5rem; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: 0.8125rem;
}
dd { overflow-wrap: anywhere; font-family: var(--mono); }
@media (forced-colors: active) { .home { border: 1px solid; } }
"""
_PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'",
    "referrer-policy": "no-referrer",
}


def refusal_answer(
    error: ThreadcastError, scope: Scope, *, request_id: str, has_pages: bool
) -> Response:
    """The answer to a refused request, with its error's status and headers.

    Args:
        error: the reason.
        scope: of the request.
        request_id: its id.
        has_pages: whether there is a chat page to link to.
    """
    if not prefers_html(Headers(scope=scope).get("accept")):
        answer = problem_answer(error, request_id=request_id)
    else:
        page = _page(error, request_id, _way_home(scope) if has_pages else None)
        answer = Response(page, error.kind.status, refusal_headers(error) | _PAGE_HEADERS)
    answer.headers["vary"] = "accept"
    return answer


def _way_home(scope: Scope) -> str:
    """The relative URL of the application's root, whatever prefix a proxy adds."""
    path, root = scope.get("raw_path") or scope["path"].encode(), scope.get("root_path", "")
    depth = path.count(b"/") - 1
    if scope["path"].startswith(root):
        depth -= root.count("/")
    return "../" * depth or "./"


def _page(error: ThreadcastError, request_id: str, home: str | None) -> str:
    title = escape(_NOT_FOUND if error.code == "not_found" else error.kind.text)
    icon = mark = way = ""
    if home is not None:
        icon = f'<link rel="icon" href="{home}favicon.svg">\n'
        mark = f'<img src="{home}favicon.svg" alt="" width="28" height="28">'
        way = f'<p><a class="home" href="{home}">Open the chat</a></p>\n'
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{icon}<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<p class="brand">{mark}Threadcast</p>\n<h1>{title}</h1>\n{way}'
        f"<dl>\n<dt>Status</dt><dd>{error.kind.status} {escape(error.code)}</dd>\n"
        f"<dt>Detail</dt><dd>{escape(error.message)}</dd>\n"
        f"<dt>Request</dt><dd>{escape(request_id)}</dd>\n</dl>\n</main>\n</body>\n</html>\n"
    )

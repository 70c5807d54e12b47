"""The pages' security headers, such as `Content-Security-Policy`.

Pure: it may not know files, requests or settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SHARED_HEADERS = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
REVALIDATE = "no-cache"
KEEP_FOR_EVER = "public, max-age=31536000, immutable"

WORKER_POLICY = "threadcast"
"""The one Trusted Types policy that pages may make: it lets their own worker's address pass."""


def page_headers(
    *, connect_to: Sequence[str] = (), framed_by: Sequence[str] = ()
) -> dict[str, str]:
    """The headers of documents, and of assets that only our own documents load.

    Args:
        connect_to: further origins that a page may connect to (a sign-in service).
        framed_by: origins whose pages may embed it in a frame.
    """
    return {
        **SHARED_HEADERS,
        "Content-Security-Policy": _policy(connect_to, framed_by),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _policy(connect_to: Sequence[str], framed_by: Sequence[str]) -> str:
    rules: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": " ".join(("'self'", *connect_to)),
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(framed_by) or "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": WORKER_POLICY,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


FOREIGN_PAGE_HEADERS = {
    **SHARED_HEADERS,
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""For a script that the pages of others load: it is public, and asks for a credential by itself."""

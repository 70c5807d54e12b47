"""The HTTP API: JSON and event streams over the same journal as the WebSockets.

One list of routes (`routes`), one edge for all of them (`entrance`), and one module of handlers per
resource. Handlers may not know other users' rows, sockets or how tokens are verified.
"""

from .entrance import no_such_path
from .page_check import page_check
from .routes import http_routes
from .validation import IdRefusal

__all__ = ["IdRefusal", "http_routes", "no_such_path", "page_check"]

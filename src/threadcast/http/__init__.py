"""HTTP: requests in, JSON or a stream of events out, over the same journal as the sockets.

One list of routes (`routes`), one edge for all of them (`entrance`), and a module of handlers for
each kind of thing. Handlers may not know other users' rows, sockets or how tokens are verified.
"""

from .hosts import host_check
from .routes import http_routes
from .validation import IdRefusal

__all__ = ["IdRefusal", "host_check", "http_routes"]

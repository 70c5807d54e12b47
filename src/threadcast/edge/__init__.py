"""The edge: uvicorn, hardened. Bytes from strangers stop here until they are well-formed.

Keeps limits on time, size and number for HTTP requests and WebSocket frames, answers what is
malformed, and gives the application a fast way to write (`FrameWriter`). It may not know users,
tokens, origins, threads or events.
"""

from .config import ServeOptions
from .frame_writer import FRAMES_EXTENSION, FrameWriter
from .frames import text_frame
from .limits import EdgeLimits
from .self_check import EffectiveLimitError, check_effective_limits
from .server import EdgeServer, StartupError, build_server

__all__ = [
    "FRAMES_EXTENSION",
    "EdgeLimits",
    "EdgeServer",
    "EffectiveLimitError",
    "FrameWriter",
    "ServeOptions",
    "StartupError",
    "build_server",
    "check_effective_limits",
    "text_frame",
]

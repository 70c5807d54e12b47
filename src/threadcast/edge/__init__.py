"""The edge: uvicorn, hardened. Nothing malformed gets past it.

It enforces limits on time, size and number for HTTP requests and WebSocket frames, answers
malformed input, and gives the application a fast path for writes (`FrameWriter`). It may not know
users, tokens, origins, threads or events.
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
